package runner

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
)

// spot is a place whose agent answers when it is let.
type spot struct {
	Place
	let <-chan struct{} // closed: it answers at once
}

func (spot) Where() labdir.Host    { return labdir.Host{Machine: "desk"} }
func (s spot) Agent() agent.Client { return agent.Client{Via: s} }

func (s spot) RoundTrip(request *http.Request) (*http.Response, error) {
	select {
	case <-request.Context().Done():
		return nil, request.Context().Err()
	case <-s.let:
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"payload_in_bytes":1}`))}, nil
	}
}

// endless is a process that runs until it is killed.
type endless struct {
	io.Reader
	io.Closer
}

func (e endless) Stop()     { _ = e.Close() }
func (e endless) Kill()     { _ = e.Close() }
func (endless) Wait() error { return nil }

// TestASlowAgentHoldsUpNobody: every other one is asked and heard each time.
func TestASlowAgentHoldsUpNobody(t *testing.T) {
	r := &run{cfg: &Config{File: File{Path: "f", Bytes: 100}}, Run: scenario.Run{System: system.Named(system.Star), Receivers: 2}}
	var err error
	if r.timeline, err = newTimeline(t.TempDir(), "star-2-1", nil); err != nil {
		t.Fatal(err)
	}
	defer r.timeline.close()
	now, never := make(chan struct{}), make(chan struct{})
	close(now)
	for i, let := range []chan struct{}{now, never, now} {
		reader, writer := io.Pipe()
		n := &node{name: []string{"server", "client-1", "client-2"}[i], index: i, place: spot{let: let}, agent: "127.0.0.1:1"}
		n.process = Follow(n.name, endless{reader, writer})
		defer func() {
			n.process.Kill()
			<-n.process.Ended()
		}()
		r.nodes = append(r.nodes, n)
	}
	asking := newPolling(r)
	ctx, cancel := context.WithCancel(t.Context())
	const times = 5
	for range times {
		asking.ask(ctx)
		for range 2 {
			a := <-asking.answers
			if asking.note(ctx, a); a.node == r.nodes[1] || a.err != nil {
				t.Fatalf("%s: %v", a.node.name, a.err)
			}
		}
	}
	cancel()
	if a := <-asking.answers; a.node != r.nodes[1] || !errors.Is(a.err, context.Canceled) {
		t.Errorf("%s has answered last: %v", a.node.name, a.err)
	} else {
		asking.note(ctx, a)
	}
	if asking.hear(ctx); r.nodes[0].polls != times || r.nodes[1].polls != 1 || r.nodes[2].polls != times || r.nodes[2].last.InBytes != 1 {
		t.Errorf("asked %d, %d and %d times", r.nodes[0].polls, r.nodes[1].polls, r.nodes[2].polls)
	}
}
