package worker

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"lukechampine.com/blake3"

	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/content"
	"starmesh/common/fault"
)

// isFileName reports whether a file may be called so in a folder of the node,
// and on a command line.
func isFileName(name string) bool {
	return content.CheckPath(name) == nil && !strings.Contains(name, "/") && name[0] != '-'
}

// incoming is the file that a request is about: it lies in a folder of its own,
// alone.
func (w *Worker) incoming(r *http.Request, name string, bytes int64) (path string, err error) {
	if !isFileName(name) {
		return "", fault.Wrapf(fault.Invalid, "%q is no name for a file: a manager names no folders", name)
	}
	if err := w.room(r, w.cfg.Dir, bytes); err != nil {
		return "", err
	}
	dir := w.path(fileDir)
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// putFile takes the file that an origin sends: its name and its size in bytes
// are arguments, its bytes the body.
func (w *Worker) putFile(r *http.Request) (any, error) {
	bytes, err := strconv.ParseInt(r.FormValue("bytes"), 10, 64)
	if err != nil {
		return nil, fault.Wrapf(fault.Invalid, "the size of the file is missing")
	}
	path, err := w.incoming(r, r.FormValue("name"), bytes)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	n, err := io.Copy(f, io.LimitReader(r.Body, bytes+1))
	if err = errors.Join(err, f.Close()); err == nil && n != bytes {
		err = fault.Wrapf(fault.Changed, "the file was to have %d bytes, and %d or more came", bytes, n)
	}
	return nil, err
}

// A Seed is a file to be made up.
type Seed struct {
	Name  string `json:"name"`
	Bytes int64  `json:"bytes"`
	Seed  uint64 `json:"seed"`
}

// random makes up the file that an origin sends.
func (w *Worker) random(r *http.Request) (any, error) {
	var s Seed
	if err := read(r.Body, &s); err != nil {
		return nil, err
	}
	path, err := w.incoming(r, s.Name, s.Bytes)
	if err != nil {
		return nil, err
	}
	return nil, runner.RandomFile(r.Context(), path, s.Bytes, s.Seed)
}

// Send brings the node the file that it is to send as origin.
func (m Remote) Send(ctx context.Context, path string, bytes int64, progress func(n int64)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	args := map[string]string{"name": filepath.Base(path), "bytes": strconv.FormatInt(bytes, 10)}
	response, err := m.do(ctx, http.MethodPut, query("/file", args), io.TeeReader(f, counter(progress)))
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// counter tells how many bytes are written to it.
type counter func(n int64)

func (c counter) Write(p []byte) (int, error) {
	c(int64(len(p)))
	return len(p), nil
}

// MakeUp has the node make up the file that it is to send as origin.
func (m Remote) MakeUp(ctx context.Context, s Seed) error {
	return m.ask(ctx, http.MethodPost, "/random", s, nil)
}

// A Proof shows that whoever gives it has a file: its BLAKE3 hash under a key
// that nobody could know before.
type Proof struct {
	Key [32]byte `json:"key"`
	Sum string   `json:"sum,omitempty"` // 64 hex digits
}

// Of fills in the sum of a file.
func (p *Proof) Of(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	h := blake3.New(len(p.Key), p.Key[:])
	if _, err := io.CopyBuffer(h, readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, ctx.Err()
		}
		return f.Read(b)
	}), make([]byte, 1<<20)); err != nil {
		return fmt.Errorf("cannot prove that it has the file: %w", err)
	}
	p.Sum = hex.EncodeToString(h.Sum(nil))
	return nil
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// prove proves that the last transfer has brought the file.
func (w *Worker) prove(r *http.Request) (any, error) {
	var p Proof
	if err := read(r.Body, &p); err != nil {
		return nil, err
	}
	done, err := w.last()
	if err != nil {
		return nil, err
	}
	return p, p.Of(r.Context(), filepath.Join(done.at.Folder, done.spec.File))
}
