package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

const (
	startTime = 30 * time.Second // for a node to start a process
	fetchTime = time.Minute      // for it to hand over a log
	maxLog    = 256 << 20        // bytes of one
	// maxReading bounds what an agent may answer in bytes: 200 nodes answer at
	// the same time.
	maxReading = 4 << 20
)

// A Place is a node as a runner.Place.
type Place struct {
	Remote
	Proof  *Proof // of the original; nil: that each piece was verified will do
	shared string // Crew.shared
	host   labdir.Host
	link   Link // as it was measured
}

// Where implements runner.Place.
func (p *Place) Where() labdir.Host { return p.host }

// Gone implements runner.Place.
func (p *Place) Gone() bool {
	select {
	case <-p.Member.Gone():
		return true
	default:
		return false
	}
}

// Counted implements runner.Place: nobody counts real links.
func (p *Place) Counted() (out, in int64, ok bool) { return 0, 0, false }

// Agent implements runner.Place. Wherever the agent says that it is, it is asked
// over the node's connection.
func (p *Place) Agent() agent.Client { return agent.Client{Via: throughNode{p.Remote}} }

// throughNode sends what is for an agent to the node that it is on.
type throughNode struct{ Remote }

func (t throughNode) RoundTrip(request *http.Request) (*http.Response, error) {
	there := request.Clone(request.Context())
	there.URL = &url.URL{Scheme: "https", Host: "node", Path: "/agent" + request.URL.Path}
	response, err := t.Remote.RoundTrip(there)
	if err == nil {
		response.Body = http.MaxBytesReader(nil, response.Body, maxReading)
	}
	return response, err
}

// WatchCPU implements runner.Place.
func (p *Place) WatchCPU(ctx context.Context) (c labdir.CPU) {
	body, end := io.Pipe()
	stop := context.AfterFunc(ctx, func() { _ = end.Close() })
	defer stop()
	response, err := p.do(context.WithoutCancel(ctx), http.MethodPost, "/cpu", body)
	if err == nil {
		defer response.Body.Close()
		err = json.NewDecoder(io.LimitReader(response.Body, maxJSON)).Decode(&c)
	}
	if err != nil {
		_ = body.CloseWithError(err)
		return labdir.CPU{Why: "not known: " + readable.Text(err.Error())}
	}
	c.Why = readable.Text(c.Why)
	return c
}

// Holds implements runner.Place: the node proves it.
func (p *Place) Holds(ctx context.Context) (bool, error) {
	if p.Proof == nil {
		return true, nil
	}
	asked := Proof{Key: p.Proof.Key}
	var given Proof
	err := p.ask(ctx, http.MethodPost, "/prove", asked, &given)
	switch {
	case errors.Is(err, fault.Closed): // it has left, and holds nothing any more
		return false, nil
	case err != nil:
		return false, err
	}
	return given.Sum == p.Proof.Sum, nil
}

// Clear implements runner.Place.
func (p *Place) Clear() error {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	if err := p.ask(ctx, http.MethodDelete, "/run", nil, nil); !errors.Is(err, fault.Closed) {
		return err
	}
	return nil // it has left, and taken everything with it
}

// Spawn implements runner.Place.
func (p *Place) Spawn(s runner.Spec, file string) (runner.Body, error) {
	s.Host = p.shared
	line, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	stdin, stop := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	kill := func() {
		cancel()
		_ = stdin.Close() // while its body is being sent a request does not see that it is cancelled
	}
	late := time.AfterFunc(startTime, kill)
	response, err := p.do(ctx, http.MethodPost, "/run", struct {
		io.Reader
		io.Closer // or else a connection that breaks would not end the reading of it
	}{io.MultiReader(bytes.NewReader(append(line, '\n')), stdin), stdin})
	if err != nil {
		kill()
		return nil, fmt.Errorf("cannot start %s: %w", s.Node, err)
	}
	late.Stop()
	return &process{
		Reader: response.Body, place: p, node: s.Node, file: file, response: response,
		stop: sync.OnceFunc(func() { _ = stop.Close() }), kill: kill,
	}, nil
}

// process is a process on the node.
type process struct {
	io.Reader
	place      *Place
	node, file string
	response   *http.Response
	stop, kill func()
}

func (b *process) Stop() { b.stop() }
func (b *process) Kill() { b.kill() }

// Wait returns when the node says that the process has ended, or has left
// itself, and fetches what it has written.
func (b *process) Wait() error {
	defer b.kill()
	defer b.stop()
	how, ended := strings.CutPrefix(b.response.Trailer.Get(endedIn), "ended ")
	why, _ := url.QueryUnescape(how)
	err := b.fetch()
	switch {
	case !ended && err != nil:
		return err
	case !ended:
		return errors.New("killed")
	case why != "":
		return errors.Join(errors.New(why), err)
	}
	return err
}

// fetch brings the files of the process.
func (b *process) fetch() error {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTime)
	defer cancel()
	for path, name := range map[string]string{"/log": b.file + ".jsonl", "/errors": b.file + ".err"} {
		if err := b.place.save(ctx, path, name); err != nil {
			return err
		}
	}
	return nil
}

// save writes what the node answers to a file, unless that is nothing.
func (m Remote) save(ctx context.Context, path, name string) error {
	response, err := m.do(ctx, http.MethodGet, path, http.NoBody)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	n, err := io.Copy(f, io.LimitReader(response.Body, maxLog))
	if err = errors.Join(err, f.Close()); n == 0 {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}
