package worker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	maxWay  = 16 << 10 // bytes in how an origin is reached: a ticket, above all
	endedIn = "Starmesh-Ended"
)

// check refuses whatever is not one of this program's transfers. What is let
// through becomes part of a command line: nothing in it may look like a flag,
// or lead anywhere but to an origin.
func check(s *runner.Spec) error {
	if !slices.Contains(system.All().Names(), s.System) {
		return fault.Wrapf(fault.Invalid, "there is no system %q", s.System)
	}
	switch {
	case !fleet.IsName(s.Node):
		return fault.Wrapf(fault.Invalid, "%q is no name for a node", s.Node)
	case !isFileName(s.File):
		return fault.Wrapf(fault.Invalid, "%q is no name for a file: a manager names no folders", s.File)
	case s.Interval < 10*time.Millisecond || s.Interval > time.Minute:
		return fault.Wrapf(fault.Invalid, "a line every %s is no load log", units.Duration(s.Interval))
	case !slices.Contains([]string{"", "free-ride", "lie"}, s.Misbehave), s.Misbehave != "" && system.Named(s.System).Launch.Misbehave == "":
		return fault.Wrapf(fault.Invalid, "a node of %s cannot misbehave in the way %q", s.System, s.Misbehave)
	}
	for _, rate := range []float64{s.Up, s.Down} {
		if rate < 0 || rate > 0 && rate < 1 || math.IsInf(rate, 0) || math.IsNaN(rate) {
			return fault.Wrapf(fault.Invalid, "%v bytes per second is no rate", rate)
		}
	}
	return checkWay(&s.Way)
}

// checkWay refuses what is no way to an origin.
func checkWay(way *system.Told) error {
	wrong := func(what, text string) error {
		return fault.Wrapf(fault.Invalid, "%.100q is no %s of an origin", text, what)
	}
	total := len(way.Listen) + len(way.HTTP) + len(way.ID) + len(way.Ticket) + len(strings.Join(way.Addresses, ""))
	if total > maxWay {
		return fault.Wrapf(fault.TooLarge, "%d bytes of addresses are more than %d", total, maxWay)
	}
	if host, _, err := net.SplitHostPort(way.Listen); way.Listen != "" && (err != nil || net.ParseIP(host) == nil) {
		return wrong("address", way.Listen)
	}
	if u, err := url.Parse(way.HTTP); err != nil || way.HTTP != "" && (u.Scheme != "http" || net.ParseIP(u.Hostname()) == nil || u.Path != "/") {
		return wrong("web address", way.HTTP)
	}
	if strings.ContainsFunc(way.ID, func(r rune) bool { return r <= ' ' || r == '-' }) {
		return wrong("id", way.ID)
	}
	if strings.ContainsAny(way.Ticket, " \t\r\n") || way.Ticket != "" && !strings.HasPrefix(way.Ticket, "mesh:") {
		return wrong("ticket", way.Ticket)
	}
	for _, a := range way.Addresses {
		if !strings.HasPrefix(a, "/ip") || strings.ContainsAny(a, " ,\t\r\n") {
			return wrong("address", a)
		}
	}
	return nil
}

// run does a transfer. The first line of the body is its Spec; the rest is the
// standard input of its process, of which only the end means something: to end
// in good order. The answer is what the process writes to its standard output,
// and how it ended. When the request ends, however that is, so does the process.
func (w *Worker) run(rw http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), w.cfg.MaxTime)
	defer cancel()
	rw.Header().Set("Trailer", endedIn)
	body := bufio.NewReaderSize(r.Body, maxWay+4<<10)
	out := &flusher{w: rw, flush: http.NewResponseController(rw).Flush}
	work, err := w.start(r, body, out)
	if err != nil {
		w.cfg.tell("refused to the manager: %v", err)
		refuse(rw, err)
		return
	}
	stop := context.AfterFunc(ctx, work.process.Kill)
	defer stop()
	_, _ = out.Write(nil) // it is started, though the process may have nothing to say for long
	var telling sync.WaitGroup
	telling.Go(func() { w.tellWhere(ctx, work) })
	defer telling.Wait()
	go func() { // until the request has ended
		if _, err := io.Copy(io.Discard, body); err == nil {
			work.process.Stop()
		}
	}()
	<-work.process.Ended()
	why := ""
	if err := work.process.Err(); err != nil {
		why = strings.TrimPrefix(err.Error(), work.spec.Node+" ended: ") // the manager says that itself
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = "it took longer than the " + units.Duration(w.cfg.MaxTime) + " that this node lets a transfer take"
	}
	rw.Header().Set(endedIn, "ended "+url.QueryEscape(why))
	w.cfg.tell("%s by %s as %s: %s", work.spec.File, work.spec.System, work.spec.Node, cmp.Or(why, "done"))
}

// tellWhere tells, on this machine, where a transfer listens: others must get
// through to there.
func (w *Worker) tellWhere(ctx context.Context, work *work) {
	var at system.Told
	event := system.NodeEvent
	if work.spec.Origin && work.spec.System != system.Mesh {
		event = system.ListeningEvent
	}
	if _, err := work.process.Await(ctx, event, &at); err != nil {
		return // a client listens nowhere, and why a process ends is told anyway
	}
	where := at.Addresses
	if event == system.ListeningEvent {
		where = []string{at.Listen}
	}
	w.cfg.tell("%s by %s as %s listens at %s", work.spec.File, work.spec.System, work.spec.Node, strings.Join(where, ", "))
}

// start starts the process that the first line of body asks for.
func (w *Worker) start(r *http.Request, body *bufio.Reader, out io.Writer) (*work, error) {
	line, err := body.ReadSlice('\n')
	if err != nil {
		return nil, fault.Wrapf(fault.Invalid, "the request cannot be read: %w", err)
	}
	made := new(work)
	if err := read(bytes.NewReader(line), &made.spec); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now != nil && w.now.process.Alive() {
		return nil, fault.Wrapf(fault.Busy, "this node does one transfer at a time, and %s is under way", w.now.spec.Node)
	}
	if made.at, err = w.site(r, &made.spec); err != nil {
		return nil, err
	}
	made.errors = w.path(runDir, "errors")
	_ = os.Remove(made.at.Log) // of an earlier start, which the manager has
	b, err := runner.Spawn(runner.ProcessConfig{
		Program: w.cfg.Program, Name: made.spec.Node, Errors: made.errors,
		Args: made.spec.Args(&system.Named(made.spec.System).Launch, made.at),
	})
	if err != nil {
		return nil, err
	}
	made.process = runner.Follow(made.spec.Node, &tee{b, out})
	w.now = made
	return made, nil
}

// site says where a transfer finds and leaves things, if this node does it.
func (w *Worker) site(r *http.Request, s *runner.Spec) (at runner.Site, err error) {
	if err := check(s); err != nil {
		return at, err
	}
	at = runner.Site{
		Host: listensAt(r, s.Host), File: w.path(fileDir, s.File), Folder: w.path(runDir, "got"), Cache: w.path(cacheDir),
		Identity: w.path(runDir, "key"), Log: w.path(runDir, "log.jsonl"),
	}
	if !s.Origin { // an origin listens where it did
		s.Way.Listen = reachedFrom(r, s.Way.Listen)
	}
	switch {
	case w.cfg.Keep != "":
		at.Folder, err = w.kept(r, s)
		return at, err
	case s.To != "":
		return at, fault.Wrapf(fault.Refused, "this node keeps no files: it works for a lab")
	case s.Origin:
		return at, nil
	}
	if err := w.room(r, w.cfg.Dir, s.Bytes); err != nil {
		return at, err
	}
	return at, os.MkdirAll(at.Folder, 0o700)
}

// kept makes the folder, below the one in which this node keeps files, into
// which a file is pushed. Nothing leads out of that: neither the name nor a
// link that is there.
func (w *Worker) kept(r *http.Request, s *runner.Spec) (dir string, err error) {
	if s.Origin || s.To != "." && content.CheckPath(s.To) != nil || !filepath.IsLocal(s.To) {
		return "", fault.Wrapf(fault.Refused, "nothing is put into %q: a folder below the one that this node allows, without '..'", s.To)
	}
	root, err := os.OpenRoot(w.cfg.Keep)
	if err != nil {
		return "", err
	}
	defer root.Close()
	if err := root.MkdirAll(s.To, 0o777); err != nil {
		return "", fault.Wrapf(fault.Refused, "nothing is put into %q: %w", s.To, err)
	}
	if info, err := root.Lstat(filepath.Join(s.To, s.File)); err == nil && info.Mode()&os.ModeSymlink != 0 {
		return "", fault.Wrapf(fault.Refused, "%q is a link in the folder of this node: nothing is put there", s.File)
	}
	dir = filepath.Join(w.cfg.Keep, s.To)
	held := int64(0)
	if info, err := os.Stat(filepath.Join(dir, s.File)); err == nil {
		held = info.Size()
	}
	return dir, w.room(r, dir, max(0, s.Bytes-held))
}

// flusher writes at once, one after the other.
type flusher struct {
	mu    sync.Mutex
	w     io.Writer
	flush func() error
}

func (f *flusher) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.w.Write(p)
	_ = f.flush() // a manager that is gone ends the request
	return n, err
}

// tee passes on what is read of a process.
type tee struct {
	runner.Body
	to io.Writer
}

func (t *tee) Read(p []byte) (int, error) {
	n, err := t.Body.Read(p)
	_, _ = t.to.Write(p[:n]) // a manager that is gone ends the request
	return n, err
}

// last is the transfer that is under way, or was the last.
func (w *Worker) last() (*work, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now == nil {
		return nil, fault.Wrapf(fault.NotFound, "there was no transfer yet")
	}
	return w.now, nil
}

// agent asks the process's agent, when it has told its address: the manager may
// have heard of it before this node has.
func (w *Worker) agent(r *http.Request, ask func(ctx context.Context, addr string) error) error {
	now, err := w.last()
	if err != nil {
		return err
	}
	var told struct{ Address string }
	if _, err := now.process.Await(r.Context(), runner.AgentEvent, &told); err != nil || !now.process.Alive() {
		return fault.Wrapf(fault.Closed, "%s has no agent: %w", now.spec.Node, cmp.Or(err, now.process.Err()))
	}
	return ask(r.Context(), told.Address)
}

// reading passes on what the process's agent answers.
func (w *Worker) reading(r *http.Request) (any, error) {
	name := r.PathValue("reading")
	if !slices.Contains([]string{"load", "sockets"}, name) {
		return nil, fault.Wrapf(fault.NotFound, "there is no reading %q", name)
	}
	var got json.RawMessage
	return &got, w.agent(r, func(ctx context.Context, addr string) error { return agent.Fetch(ctx, addr, "/"+name, &got) })
}

// begin has the process begin, which waits for that.
func (w *Worker) begin(r *http.Request) (any, error) {
	return nil, w.agent(r, func(ctx context.Context, addr string) error {
		return agent.Client{}.Do(ctx, addr, runner.StartCommand, nil, "", nil)
	})
}

// log answers with the load log of the last transfer, or with what it wrote to
// standard error, when it has ended.
func (w *Worker) log(rw http.ResponseWriter, r *http.Request) {
	last, err := w.last()
	if err != nil {
		refuse(rw, err)
		return
	}
	select {
	case <-last.process.Ended():
	case <-r.Context().Done():
		return
	}
	name := last.at.Log
	if r.URL.Path == "/errors" {
		name = last.errors
	}
	f, err := os.Open(name)
	if err != nil {
		return // it wrote nothing
	}
	defer f.Close()
	_, _ = io.Copy(rw, f) // a manager that is gone needs no answer
}

// clear removes what the transfers of a run have left, and ends none.
func (w *Worker) clear(*http.Request) (any, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.now != nil && w.now.process.Alive() {
		return nil, fault.Wrapf(fault.Busy, "%s is under way", w.now.spec.Node)
	}
	w.now = nil
	return nil, errors.Join(os.RemoveAll(w.path(runDir)), os.Mkdir(filepath.Join(w.cfg.Dir, runDir), 0o700))
}
