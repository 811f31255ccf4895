package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/cmd/internal/units"
)

// scriptPatience is how long a script waits for something that must happen.
const scriptPatience = 60 * time.Second

// random FILE SIZE [SEED]: a file of bytes that look random, with the folders
// above it.
func random(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: random FILE SIZE [SEED]")
	}
	size, err := units.ParseSize(args[1])
	ts.Check(err)
	seed := [32]byte{1}
	if len(args) == 3 {
		copy(seed[:], args[2])
	}
	name := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(name), 0o777))
	f, err := os.Create(name)
	ts.Check(err)
	_, err = io.CopyN(f, rand.NewChaCha8(seed), size)
	ts.Check(errors.Join(err, f.Close()))
}

// flip FILE OFFSET: changes one byte, but neither size nor time.
func flip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILE OFFSET")
	}
	name := ts.MkAbs(args[0])
	info, err := os.Stat(name)
	ts.Check(err)
	offset, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	ts.Check(err)
	b := make([]byte, 1)
	_, err = f.ReadAt(b, offset)
	ts.Check(err)
	b[0] ^= 1
	_, err = f.WriteAt(b, offset)
	ts.Check(errors.Join(err, f.Close()))
	ts.Check(os.Chtimes(name, info.ModTime(), info.ModTime()))
}

// process is a command that runs beside the script.
type process struct {
	cmd    *exec.Cmd
	output string
	ended  chan struct{}
	err    error // valid after ended
}

// processes are those of one script, by name; kept in its environment.
func processOf(ts *testscript.TestScript, name string) *process {
	p, ok := running.Load(ts.Getenv("WORK") + "/" + name)
	if !ok {
		ts.Fatalf("nothing was started as %s", name)
	}
	return p.(*process)
}

var running sync.Map // WORK/NAME → *process

// start NAME COMMAND ARG...: runs a command beside the script, with what it
// prints in NAME.out and NAME.err. It is killed when the script ends.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME COMMAND ARG...")
	}
	name := args[0]
	path, err := exec.LookPath(args[1])
	ts.Check(err)
	out, err := os.Create(ts.MkAbs(name + ".out"))
	ts.Check(err)
	errOut, err := os.Create(ts.MkAbs(name + ".err"))
	ts.Check(err)
	p := &process{cmd: exec.Command(path, args[2:]...), output: ts.MkAbs(name), ended: make(chan struct{})}
	p.cmd.Dir = ts.MkAbs(".")
	for _, v := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "LocalAppData", "AppData", "STARMESH_PASSWORD", "STARMESH_LAB_CODE"} {
		if value := ts.Getenv(v); value != "" {
			p.cmd.Env = append(p.cmd.Env, v+"="+value)
		}
	}
	p.cmd.Env = append(os.Environ(), p.cmd.Env...)
	p.cmd.Stdout, p.cmd.Stderr = out, errOut
	ts.Check(p.cmd.Start())
	out.Close()
	errOut.Close()
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	running.Store(ts.Getenv("WORK")+"/"+name, p)
	ts.Defer(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
	})
}

// waitfor FILE REGEXP: waits until a file's text matches.
func waitFor(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE REGEXP")
	}
	want := regexp.MustCompile(args[1])
	var text []byte
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if text, _ = os.ReadFile(ts.MkAbs(args[0])); want.Match(text) {
			return
		}
	}
	ts.Fatalf("%s never has %q; it has:\n%s", args[0], args[1], tail(text))
}

func tail(text []byte) []byte { return text[max(0, len(text)-4000):] }

// field VAR FILE EVENT NAME: sets VAR to a field of the last event of that
// kind in a file of JSON lines, such as NAME.out of a process. It waits for
// the event.
func field(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: field VAR FILE EVENT NAME")
	}
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if value, ok := lastField(ts.MkAbs(args[1]), args[2], args[3]); ok {
			ts.Setenv(args[0], value)
			return
		}
	}
	text, _ := os.ReadFile(ts.MkAbs(args[1]))
	ts.Fatalf("%s has no %s with %s:\n%s", args[1], args[2], args[3], tail(text))
}

// match VAR FILE REGEXP: sets VAR to what first matches in a file; it waits for
// that.
func match(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: match VAR FILE REGEXP")
	}
	waitFor(ts, false, args[1:])
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	ts.Setenv(args[0], string(regexp.MustCompile(args[2]).Find(text)))
}

func lastField(file, event, name string) (value string, ok bool) {
	text, _ := os.ReadFile(file)
	for line := range bytes.Lines(text) {
		var fields map[string]any
		if json.Unmarshal(line, &fields) != nil || fields["event"] != event && fields["kind"] != event {
			continue
		}
		switch v := fields[name].(type) {
		case string:
			value, ok = v, true
		case float64:
			value, ok = strconv.FormatFloat(v, 'f', -1, 64), true
		}
	}
	return value, ok
}

// signal NAME INT|TERM|HUP|KILL: sends a signal to a process.
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "HUP": syscall.SIGHUP, "KILL": os.Kill}
	if neg || len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: signal NAME INT|TERM|HUP|KILL")
	}
	ts.Check(processOf(ts, args[0]).cmd.Process.Signal(signals[args[1]]))
}

// pause DURATION NAME...: stops processes for so long, as on machines that sleep;
// the last is awake first.
func pause(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: pause DURATION NAME...")
	}
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	send := func(signal, name string) {
		ts.Check(exec.Command("kill", signal, strconv.Itoa(processOf(ts, name).cmd.Process.Pid)).Run())
	}
	for _, name := range args[1:] {
		send("-STOP", name)
	}
	time.Sleep(d)
	for _, name := range slices.Backward(args[1:]) {
		send("-CONT", name)
	}
}

// await NAME [STATUS]: waits until a process has ended with that exit status,
// 0 when none is given; "any" takes every.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: await NAME [STATUS]")
	}
	p := processOf(ts, args[0])
	select {
	case <-p.ended:
	case <-time.After(scriptPatience):
		ts.Fatalf("%s does not end", args[0])
	}
	want := "0"
	if len(args) == 2 {
		want = args[1]
	}
	if got := strconv.Itoa(p.cmd.ProcessState.ExitCode()); want != "any" && got != want {
		errOut, _ := os.ReadFile(p.output + ".err")
		ts.Fatalf("%s ended with %s, not %s:\n%s", args[0], got, want, tail(errOut))
	}
}

// status N COMMAND ARG...: runs a command that must end with exit status N;
// what it prints goes to the files out and err.
func status(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND ARG...")
	}
	start(ts, false, append([]string{"status"}, args[1:]...))
	await(ts, false, []string{"status", args[0]})
}

// sums NAME...: writes sizes of files whose hashing is delicate.
func sums(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: sums SIZE...")
	}
	for _, size := range args {
		random(ts, false, []string{"size-" + size, size, size})
	}
}

// proxy VAR ADDR OFFSET: starts a proxy in front of the server at ADDR that
// flips the lowest bit of the byte at OFFSET of what the server says on the
// first connection that long; VAR is set to its address.
func proxy(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: proxy VAR ADDR OFFSET")
	}
	offset, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	f := &flipper{at: offset}
	inFront(ts, args[0], args[1], f.forward)
}

// inFront starts a proxy in front of the server at addr, and sets a variable to its
// address. forward moves what each connection's ends say, until either is closed.
func inFront(ts *testscript.TestScript, variable, addr string, forward func(client, server net.Conn)) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(variable, ln.Addr().String())
	var conns sync.WaitGroup
	ts.Defer(func() {
		ln.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer client.Close()
				server, err := net.Dial("tcp", addr)
				if err != nil {
					return
				}
				defer server.Close()
				forward(client, server)
			})
		}
	})
}

// flipper forwards connections and flips one bit, once.
type flipper struct {
	at   int64
	once sync.Once
}

func (f *flipper) forward(client, server net.Conn) {
	go func() {
		_, _ = io.Copy(server, client)
		server.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(client, &flipping{Reader: server, f: f})
	client.(*net.TCPConn).CloseWrite()
}

type flipping struct {
	io.Reader
	f    *flipper
	seen int64
}

func (r *flipping) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if at := r.f.at - r.seen; at >= 0 && at < int64(n) {
		r.f.once.Do(func() { p[at] ^= 1 })
	}
	r.seen += int64(n)
	return n, err
}
