package runner

import (
	"context"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
	"starmesh/common/load"
)

const (
	pollTime  = 2 * time.Second // for one answer
	pollsOnce = 16              // agents asked at the same time
	longMute  = 5               // polls without an answer that are worth telling

	maxChunkMap  = 256 << 10 // bytes, of what a reading says of chunks
	maxStrangers = 64        // remotes of a node that are none of the run's
)

// poll asks every agent once and tells what they answer.
func (r *run) poll(ctx context.Context) {
	asking := new(errgroup.Group)
	asking.SetLimit(pollsOnce)
	for _, n := range r.nodes {
		asking.Go(func() error {
			r.look(ctx, n)
			return nil
		})
	}
	_ = asking.Wait() // there is none
}

// look finds out how a node is.
func (r *run) look(ctx context.Context, n *node) {
	p, _ := n.running()
	r.lookForReceipt(n, p)
	if !p.Alive() {
		r.lastWords(n, p)
		return
	}
	n.closed, n.failed = false, ""
	ctx, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	n.polls++
	began := time.Now()
	var report load.Report
	err := n.ask(ctx, "/load", &report)
	if err == nil {
		err = r.believable(n, &report)
	}
	told := Poll{Run: r.Name(), Node: n.name, Number: n.polls, Took: time.Since(began), Err: err}
	_, addr := n.running()
	told.URL = "http://" + addr + "/load"
	if err == nil {
		got := r.reading(n, &report)
		told.Reading = &got
		r.saw(n, got)
	}
	r.missed(ctx, n, p, err)
	if r.cfg.Watch.Poll != nil && (err == nil || p.Alive()) {
		r.cfg.Watch.Poll(told)
	}
}

// lookForReceipt notes when a receiver has said that it has all, and what it said.
func (r *run) lookForReceipt(n *node, p *Process) {
	done := DoneEvent
	if r.cfg.Folder {
		done = AllEvent
	}
	var receipt labdir.Receipt
	if at, ok := p.Told(done, &receipt); ok && n.done.IsZero() && n.receiver() {
		n.done, n.receipt = at, &receipt
	}
}

// believable fails if a node that is elsewhere says of itself what cannot be:
// readings are shown, and kept in a timeline whose lines have an end.
func (r *run) believable(n *node, report *load.Report) error {
	if !n.elsewhere() {
		return nil
	}
	for _, t := range report.Transfers {
		if t.HaveBytes < 0 || t.HaveBytes > r.cfg.File.Bytes && !r.cfg.Folder {
			return fault.Wrapf(fault.Invalid, "it says that it has %d bytes of a file of %d", t.HaveBytes, r.cfg.File.Bytes)
		}
		if len(t.ChunkMap) > maxChunkMap {
			return fault.Wrapf(fault.TooLarge, "it says more of its chunks than there are")
		}
	}
	switch {
	case report.PayloadInBytes < 0 || report.PayloadOutBytes < 0:
		return fault.Wrapf(fault.Invalid, "it says that it has sent or received less than nothing")
	case len(report.Remotes) > 2*len(r.nodes)+maxStrangers:
		return fault.Wrapf(fault.TooLarge, "it says that it knows %d others, of %d", len(report.Remotes), len(r.nodes))
	}
	return nil
}

// missed tells of an agent that has not answered for a while.
func (r *run) missed(ctx context.Context, n *node, p *Process, err error) {
	switch {
	case err == nil:
		n.mute = 0
	case p.Alive() && context.Cause(ctx) != context.Canceled:
		if n.mute++; n.mute == longMute {
			r.timeline.note(n.name, "its agent does not answer: %v", err)
		}
	}
}

// lastWords tells, once, how a node has ended. A client ends when it has the
// file; its log has the last numbers.
func (r *run) lastWords(n *node, p *Process) {
	down, purpose := n.down()
	if n.closed || !down {
		return
	}
	n.closed = true
	got := n.last
	n.mu.Lock()
	file := r.file(n) + ".jsonl"
	n.mu.Unlock()
	if report, ok := finalReport(file); ok {
		got = r.reading(n, report)
	}
	got.Node, got.Polls, got.State = n.name, n.polls, labdir.Gone
	if !n.done.IsZero() && purpose == "" {
		got.State = labdir.Done
	}
	r.saw(n, got)
	if n.done.IsZero() && purpose == "" {
		n.failed = "it ended"
		if err := p.Err(); err != nil {
			n.failed = err.Error()
		}
		r.timeline.note(n.name, "%s", n.failed)
		if n.place.Gone() {
			r.doubt("%s was lost with its machine %s: the times are those of the others", n.name, n.place.Where().Machine)
		}
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
func (r *run) saw(n *node, got labdir.Reading) {
	if got.HaveBytes > n.last.HaveBytes || got.InBytes > n.last.InBytes || got.State != n.last.State {
		n.progress = time.Now()
	}
	if got.InBytes > 0 && n.first.IsZero() {
		n.first = time.Now()
	}
	n.last = got
	r.timeline.add(labdir.Event{Reading: &got})
}

// reading makes a reading of what an agent has answered.
func (r *run) reading(n *node, report *load.Report) labdir.Reading {
	got := labdir.Reading{
		Node: n.name, State: labdir.Running,
		OutBytes: report.PayloadOutBytes, InBytes: report.PayloadInBytes,
		Conns: report.ConnsOpen, ChunksBad: report.ChunksBad, Polls: n.polls,
	}
	if report.CPUSeconds != nil {
		got.CPU = *report.CPUSeconds
	}
	if report.RSSBytes != nil {
		got.RSSBytes = *report.RSSBytes
	}
	if report.AcceptQueue != nil {
		got.Queue = *report.AcceptQueue
	}
	if !n.receiver() {
		got.HaveBytes = r.cfg.File.Bytes
		return got
	}
	for _, transfer := range report.Transfers {
		got.HaveBytes, got.ChunkMap = transfer.HaveBytes, transfer.ChunkMap
	}
	if !n.done.IsZero() {
		got.State = labdir.Done
	}
	for _, remote := range report.Remotes {
		if remote.PayloadInBytes > 0 {
			got.From = append(got.From, labdir.Flow{Node: r.nameOf(remote.Remote), Bytes: remote.PayloadInBytes})
		}
	}
	return got
}

// nameOf returns the name of the node that a load report calls remote.
func (r *run) nameOf(remote string) string {
	if !r.System.Relays {
		return r.Origin() // there is no other
	}
	if name := r.ways.name(remote); name != "" {
		return name
	}
	return remote
}
