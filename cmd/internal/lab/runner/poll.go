package runner

import (
	"context"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/load"
)

const (
	pollTime  = 2 * time.Second // for one answer
	pollsOnce = 16              // agents asked at the same time
	longMute  = 5               // polls without an answer that are worth telling
)

// poll asks every agent once and tells what they answer.
func (t *trial) poll(ctx context.Context) {
	asking := new(errgroup.Group)
	asking.SetLimit(pollsOnce)
	for _, n := range t.nodes {
		asking.Go(func() error {
			t.look(ctx, n)
			return nil
		})
	}
	_ = asking.Wait() // there is none
}

// look finds out how a node is.
func (t *trial) look(ctx context.Context, n *node) {
	p, _ := n.running()
	if at, ok := p.Told(DoneEvent, nil); ok && n.done.IsZero() && n.receiver() {
		n.done = at
	}
	if !p.Alive() {
		t.lastWords(n, p)
		return
	}
	n.closed, n.failed = false, ""
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	n.polls++
	began := time.Now()
	var report load.Report
	err := n.ask(ctx, "/load", &report)
	told := Poll{Trial: t.Name(), Node: n.name, Number: n.polls, Took: time.Since(began), Err: err}
	_, addr := n.running()
	told.URL = "http://" + addr + "/load"
	if err == nil {
		r := t.reading(n, &report)
		told.Reading = &r
		t.saw(n, r)
	}
	t.missed(ctx, n, p, err)
	if t.cfg.Watch.Poll != nil && (err == nil || p.Alive()) {
		t.cfg.Watch.Poll(told)
	}
}

// missed tells of an agent that has not answered for a while.
func (t *trial) missed(ctx context.Context, n *node, p *Process, err error) {
	switch {
	case err == nil:
		n.mute = 0
	case p.Alive() && context.Cause(ctx) != context.Canceled:
		if n.mute++; n.mute == longMute {
			t.timeline.note(n.name, "its agent does not answer: %v", err)
		}
	}
}

// lastWords tells, once, how a node has ended. A client ends when it has the
// file; its log has the last numbers.
func (t *trial) lastWords(n *node, p *Process) {
	down, purpose := n.down()
	if n.closed || !down {
		return
	}
	n.closed = true
	r := n.last
	n.mu.Lock()
	file := t.file(n) + ".jsonl"
	n.mu.Unlock()
	if report, ok := finalReport(file); ok {
		r = t.reading(n, report)
	}
	r.Node, r.Polls, r.State = n.name, n.polls, labdir.Gone
	if !n.done.IsZero() && purpose == "" {
		r.State = labdir.Done
	}
	t.saw(n, r)
	if n.done.IsZero() && purpose == "" {
		n.failed = "it ended"
		if err := p.Err(); err != nil {
			n.failed = err.Error()
		}
		t.timeline.note(n.name, "%s", n.failed)
	}
}

// finalReport reads the last report of a log.
func finalReport(name string) (*load.Report, bool) {
	f, err := os.Open(name)
	if err != nil {
		return nil, false // it never got so far
	}
	defer f.Close()
	log, _, err := load.ReadLog(f)
	last := log.Last()
	return last, err == nil && last != nil
}

// saw takes note of a reading and passes it on.
func (t *trial) saw(n *node, r labdir.Reading) {
	if r.HaveBytes > n.last.HaveBytes || r.InBytes > n.last.InBytes || r.State != n.last.State {
		n.progress = time.Now()
	}
	n.last = r
	t.timeline.add(labdir.Event{Reading: &r})
}

// reading makes a reading of what an agent has answered.
func (t *trial) reading(n *node, report *load.Report) labdir.Reading {
	r := labdir.Reading{
		Node: n.name, State: labdir.Running,
		OutBytes: report.PayloadOutBytes, InBytes: report.PayloadInBytes,
		Conns: report.ConnsOpen, ChunksBad: report.ChunksBad, Polls: n.polls,
	}
	if report.CPUSeconds != nil {
		r.CPU = *report.CPUSeconds
	}
	if report.RSSBytes != nil {
		r.RSSBytes = *report.RSSBytes
	}
	if !n.receiver() {
		r.HaveBytes = t.cfg.File.Bytes
		return r
	}
	for _, transfer := range report.Transfers {
		r.HaveBytes, r.ChunkMap = transfer.HaveBytes, transfer.ChunkMap
	}
	if !n.done.IsZero() {
		r.State = labdir.Done
	}
	for _, remote := range report.Remotes {
		if remote.PayloadInBytes > 0 {
			r.From = append(r.From, labdir.Flow{Node: t.nameOf(remote.Remote), Bytes: remote.PayloadInBytes})
		}
	}
	return r
}

// nameOf gives the name of the node that a load report calls remote.
func (t *trial) nameOf(remote string) string {
	if !t.System.Relays {
		return t.Origin() // there is no other
	}
	if name := t.ways.name(remote); name != "" {
		return name
	}
	return remote
}
