package agent

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/common/atomicfile"
)

// Watch has a node watched while it works: its load log is written, and its
// agent answers.
type Watch struct {
	Address  string // of the agent; "": there is none
	Config          // of the agent
	Log      string // file of the load log; "": there is none
	Interval time.Duration
	// LogBroken is told at once when the log cannot be written any more; the node
	// goes on, and During fails in the end. It may be nil.
	LogBroken func(error)

	listener net.Listener
	file     *os.File
}

// Open takes the agent's address and makes the log, so that a wrong one is known
// before any work is done. During must follow if it does not fail.
func (w *Watch) Open(ctx context.Context) (err error) {
	if w.Address != "" {
		if w.listener, err = Listen(ctx, "tcp", w.Address); err != nil {
			return err
		}
	}
	if w.Log == "" {
		return nil
	}
	if w.file, err = createLog(w.Log); err != nil {
		if w.listener != nil {
			w.listener.Close()
		}
		return fmt.Errorf("cannot write the load log: %w", err)
	}
	return nil
}

// createLog makes the file of a load log. The log of an earlier start is not
// touched: that of the second one of NAME.jsonl is NAME.2.jsonl.
func createLog(name string) (*os.File, error) {
	if info, err := os.Stat(name); atomicfile.IsStream(name) || err != nil || info.Size() == 0 {
		return os.Create(name) // a folder says what is wrong with it
	}
	ext := filepath.Ext(name)
	for start := 2; ; start++ {
		next := fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), start, ext)
		f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}

// LogName is the file that the load log is written to, which may be that of a
// further start; "" when there is none.
func (w *Watch) LogName() string {
	if w.file == nil {
		return ""
	}
	return w.file.Name()
}

// Addr is where the agent answers; nil: there is none.
func (w *Watch) Addr() net.Addr {
	if w.listener == nil {
		return nil
	}
	return w.listener.Addr()
}

// During watches while work is done, and a little longer, so that the last
// report is the whole truth.
func (w *Watch) During(work func() error) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	group, serving := errgroup.WithContext(ctx)
	var broken error // of the log, which ends nothing else
	var logging sync.WaitGroup
	if w.file != nil {
		logging.Go(func() { broken = w.log(ctx) })
	}
	if w.listener != nil {
		group.Go(func() error { return Serve(serving, w.listener, w.Config) })
	}
	err := work()
	w.Reporter.End(err)
	stop()
	logging.Wait()
	return errors.Join(err, group.Wait(), broken)
}

// log writes the load log until ctx ends, and tells at once if it cannot.
func (w *Watch) log(ctx context.Context) error {
	err := errors.Join(w.Reporter.Log(ctx, logFile{w.file}, w.Interval), w.file.Close())
	if err != nil && ctx.Err() == nil && w.LogBroken != nil {
		w.LogBroken(err)
	}
	return err
}

// logFile is the file of a load log, whose writes fail when it has been removed.
type logFile struct{ *os.File }

func (f logFile) Write(p []byte) (int, error) {
	if isRemoved(f.File) {
		return 0, fmt.Errorf("%s has been removed", f.Name())
	}
	return f.File.Write(p)
}
