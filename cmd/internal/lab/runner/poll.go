package runner

import (
	"context"
	"os"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
)

const (
	pollTime  = 2 * time.Second // for one answer
	pollsOnce = 64              // agents asked at the same time
	longMute  = 5               // polls without an answer that are worth telling

	maxChunkMap  = 256 << 10 // bytes, of what a reading says of chunks
	maxStrangers = 64        // remotes of a node that are none of the run's
	maxRemarks   = 8         // of all nodes of a run
	maxRemark    = 400       // characters of one
)

// polling asks the agents of a run, each by itself: who is slow to answer holds up
// nobody else. What they answer is noted by the goroutine that polls, alone.
type polling struct {
	*run
	answers chan answer
	open    int           // questions that have no answer yet
	remarks int           // that nodes have made of themselves
	turns   chan struct{} // as many as may be asked at the same time
}

// answer is what came of a question.
type answer struct {
	node   *node
	of     *Process
	took   time.Duration
	report load.Report
	err    error
}

func newPolling(r *run) *polling {
	return &polling{run: r, answers: make(chan answer, len(r.nodes)), turns: make(chan struct{}, pollsOnce)}
}

// ask asks every agent that has no question to answer, and finds out which nodes
// have ended.
func (q *polling) ask(ctx context.Context) {
	for _, n := range q.nodes {
		p := q.look(n)
		if p == nil || n.asked {
			continue
		}
		n.asked, n.polls = true, n.polls+1
		q.open++
		go func() {
			q.turns <- struct{}{}
			defer func() { <-q.turns }()
			ctx, cancel := context.WithTimeout(ctx, pollTime)
			defer cancel()
			a, began := answer{node: n, of: p}, time.Now()
			a.err = n.ask(ctx, "/load", &a.report)
			a.took = time.Since(began)
			q.answers <- a // there is room
		}()
	}
}

// hear notes all answers that are still to come.
func (q *polling) hear(ctx context.Context) {
	for q.open > 0 {
		q.note(ctx, <-q.answers)
	}
}

// look finds out whether a node has what it was to get, and returns its process;
// nil if that has ended.
func (r *run) look(n *node) *Process {
	p, _ := n.running()
	var receipt labdir.Receipt
	done := DoneEvent
	if r.cfg.Folder {
		done = AllEvent
	}
	if at, ok := p.Told(done, &receipt); ok && n.done.IsZero() && n.receiver() {
		n.done, n.receipt = at, &receipt
	}
	if !p.Alive() {
		r.lastWords(n, p)
		return nil
	}
	n.closed, n.failed = false, ""
	return p
}

// note notes an answer.
func (q *polling) note(ctx context.Context, a answer) {
	q.open--
	n := a.node
	n.asked = false
	if a.err == nil {
		a.err = q.believable(n, &a.report)
	}
	told := Poll{Run: q.Name(), Node: n.name, Number: n.polls, Took: a.took, Err: a.err}
	_, addr := n.running()
	told.URL = "http://" + addr + "/load"
	if a.err == nil {
		got := q.reading(n, &a.report)
		told.Reading = &got
		q.saw(n, got)
		q.remark(n, a.report.Remarks)
	}
	q.missed(ctx, &a)
	if q.cfg.Watch.Poll != nil && (a.err == nil || a.of.Alive()) {
		q.cfg.Watch.Poll(told)
	}
}

// remark passes on what a node says of how it runs. One cause has many say the
// same: a few tell enough.
func (q *polling) remark(n *node, all []string) {
	for _, text := range all[min(n.remarks, len(all)):] {
		if q.remarks++; q.remarks <= maxRemarks {
			q.timeline.note(n.name, "%s", readable.Cut(text, maxRemark))
		}
	}
	n.remarks = max(n.remarks, len(all))
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
func (r *run) missed(ctx context.Context, a *answer) {
	switch n := a.node; {
	case a.err == nil:
		n.mute = 0
	case a.of.Alive() && ctx.Err() == nil:
		if n.mute++; n.mute == longMute {
			r.timeline.note(n.name, "its agent does not answer: %v", a.err)
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
		// The log of one that was killed ends before what its agent told last,
		// which is of this start unless the one before had ended with it.
		if logged := r.reading(n, report); n.last.State == labdir.Gone || logged.InBytes+logged.OutBytes >= n.last.InBytes+n.last.OutBytes {
			got = logged
		}
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
	if r.ways.toOrigin().ID == "" {
		return r.Origin() // a server, of which receivers know an address
	}
	return remote
}
