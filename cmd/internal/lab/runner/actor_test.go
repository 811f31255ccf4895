package runner_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/load"
)

// plot says, to the test program when it plays a node, what happens to whom:
// NODE=WHAT, separated by commas.
const plot = "TEST_STARMESH_PLOT"

// What can happen to a node.
const (
	fails   = "fails"   // it ends with an error while it receives
	brief   = "brief"   // the same, before it has answered that it begins
	quits   = "quits"   // it ends before it is ready
	stalls  = "stalls"  // it receives half of the file, and nothing more
	hasty   = "hasty"   // the same, and its log has no time to tell of it
	wrong   = "wrong"   // its file differs from the original
	deaf    = "deaf"    // it does not end when it is asked to
	mute    = "mute"    // its agent answers the first question only
	staying = "staying" // it has the file, and stays
)

func TestMain(m *testing.M) {
	if text := os.Getenv(plot); text != "" {
		os.Exit(play(text))
	}
	if play := os.Getenv(process); play != "" {
		os.Exit(act(play))
	}
	goleak.VerifyTestMain(m)
}

// actor plays a node: it says what a node says, and copies the file instead of
// fetching it.
type actor struct {
	name, log, folder, file string
	fate                    string
	meter                   *load.Meter
	reporter                *load.Reporter
	begin                   chan struct{}
}

func option(name string) string {
	if i := slices.Index(os.Args, name); i >= 0 {
		return os.Args[i+1]
	}
	return ""
}

func play(text string) int {
	a := &actor{
		name: option("--node"), log: option("--load-log"), folder: option("-o"), meter: new(load.Meter),
		file: os.Getenv(plot + "_FILE"), begin: make(chan struct{}),
	}
	for _, part := range strings.Split(text, ",") {
		if name, fate, ok := strings.Cut(part, "="); ok && name == a.name {
			a.fate = fate
		}
	}
	if a.fate == quits {
		return a.fail("no such device")
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	role := "client"
	if a.folder == "" {
		role = "server"
	}
	a.reporter = load.NewReporter(load.Info{Node: a.name, System: "star", Role: role}, a.meter, new(load.Sockets))
	log, err := os.Create(a.log)
	if err != nil {
		return a.fail(err.Error())
	}
	logged := make(chan error, 1)
	logging, endLog := context.WithCancel(context.Background())
	interval := 50 * time.Millisecond
	if a.fate == hasty {
		interval = time.Hour
	}
	go func() { logged <- a.reporter.Log(logging, log, interval) }()
	status := a.live(ctx)
	endLog()
	<-logged
	return status
}

func (a *actor) fail(why string) int {
	fmt.Println(cli.EventLine("error", map[string]string{"error": why}))
	fmt.Fprintln(os.Stderr, why)
	return 1
}

// live is the node's life between its start and its last report.
func (a *actor) live(ctx context.Context) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return a.fail(err.Error())
	}
	serving, hush := context.WithCancel(context.Background())
	defer hush()
	go func() {
		_ = agent.Serve(serving, ln, agent.Config{Reporter: a.reporter, Sockets: new(load.Sockets), Commands: a.commands(ln)})
	}()
	fmt.Println(cli.EventLine("agent", map[string]string{"address": ln.Addr().String()}))
	if a.folder == "" {
		fmt.Println(cli.EventLine("listening", map[string]string{"listen": "127.0.0.1:7070"}))
		if a.fate == fails {
			time.Sleep(200 * time.Millisecond)
			return a.fail("the disk is gone")
		}
		<-ctx.Done()
	} else if status := a.receive(ctx); status != 0 {
		return status
	}
	if a.fate == deaf {
		select {}
	}
	return 0
}

func (a *actor) commands(ln net.Listener) map[string]agent.Command {
	return map[string]agent.Command{runner.StartCommand: func(context.Context, url.Values) (any, error) {
		a.reporter.Begin()
		if a.fate == brief {
			os.Exit(a.fail("the disk is full"))
		}
		close(a.begin)
		if a.fate == mute {
			go func() {
				time.Sleep(50 * time.Millisecond)
				ln.Close()
			}()
		}
		return nil, nil
	}}
}

func (a *actor) receive(ctx context.Context) int {
	if slices.Contains(os.Args, "--"+runner.HoldFlag) {
		fmt.Println(cli.EventLine(runner.HeldEvent, nil))
		select {
		case <-a.begin:
		case <-ctx.Done():
			return 1
		}
	}
	text, err := os.ReadFile(a.file)
	if err != nil {
		return a.fail(err.Error())
	}
	size := int64(len(text))
	transfer := a.meter.Transfer(strings.Repeat("0", 64), "file", size)
	transfer.Have(size / 2)
	a.meter.PayloadIn.Add(size / 2)
	switch a.fate {
	case fails:
		return a.fail("the disk is full")
	case stalls, hasty:
		<-ctx.Done()
		return 1
	case wrong:
		text[size-1] ^= 1
	}
	if err := os.WriteFile(filepath.Join(a.folder, filepath.Base(a.file)), text, 0o666); err != nil {
		return a.fail(err.Error())
	}
	a.meter.PayloadIn.Add(size - size/2)
	transfer.Done()
	fmt.Println(cli.EventLine(runner.DoneEvent, nil))
	if a.fate == staying || a.fate == mute {
		<-ctx.Done()
	}
	return 0
}
