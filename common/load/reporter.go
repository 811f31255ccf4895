package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"
)

// Bounds of what a line in a log holds. The final line and an agent's answer
// hold more than the samples of every second.
const (
	sampleEntries = 64
	finalEntries  = maxRemotes + 1 // and OtherRemotes
)

// A Reporter makes reports of one node.
type Reporter struct {
	meter   *Meter
	sockets *Sockets
	head    Head
	began   time.Time
	process *process

	mu      sync.Mutex
	outcome string // of the final report; set by End
	err     error
	held    *float64 // seconds; set by Begin
	left    *LeftOut // set by LeaveOut
	remarks []string // made by Remark
}

// NewReporter begins the account of a node. The time of the call is the node's
// start. It starts nothing; meter and sockets must not be nil.
func NewReporter(info Info, meter *Meter, sockets *Sockets) *Reporter {
	host, _ := os.Hostname() // absent when nobody knows
	info.Command = WithoutSecrets(info.Command)
	return &Reporter{
		meter: meter, sockets: sockets, began: time.Now(), process: newProcess(),
		head: Head{
			Info: info, PID: os.Getpid(), Host: host,
			OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.GOMAXPROCS(0),
		},
	}
}

// End says how the node has ended, before the context given to Log is: nil is
// done, context.Canceled interrupted, anything else failed. The last call
// counts. Without one a node is taken to have been interrupted.
func (r *Reporter) End(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outcome, r.err = outcomeOf(err), err
}

// Begin says that the node, which was held since its start, begins its work
// now. The first call counts.
func (r *Reporter) Begin() {
	held := time.Since(r.began).Seconds()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held == nil {
		r.held = &held
	}
}

// LeaveOut says what the node does not serve. The last call counts.
func (r *Reporter) LeaveOut(left LeftOut) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = nil
	if left.Count > 0 {
		r.left = &left
	}
}

// Remark adds something that people should know of how the node runs. The caller
// makes few.
func (r *Reporter) Remark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.remarks = append(r.remarks, text)
}

func (r *Reporter) heldFor() *float64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}

// Sample makes a report of the node as it is now, for an agent's answer.
func (r *Reporter) Sample(kind Kind) Report {
	report := r.sample(kind, finalEntries)
	r.mu.Lock()
	defer r.mu.Unlock()
	report.LeftOut, report.Remarks = r.left, slices.Clone(r.remarks)
	return report
}

func (r *Reporter) sample(kind Kind, entries int) Report {
	now := time.Now()
	report := Report{Head: r.head, Traffic: r.meter.traffic(), Conns: r.meter.conns.report()}
	report.Kind = kind
	report.Time = stamp(now)
	report.ElapsedSeconds = now.Sub(r.began).Seconds()
	report.HeldSeconds = r.heldFor()
	if out, in, ok := r.sockets.Wire(); ok {
		report.WireOutBytes, report.WireInBytes = &out, &in
	}
	if length, backlog, ok := r.sockets.AcceptQueue(); ok {
		report.AcceptQueue, report.AcceptBacklog = &length, &backlog
	}
	report.Process = r.process.read()
	report.Transfers, report.TransfersOmitted = r.meter.transfers.report(r.began, entries)
	report.Remotes = r.meter.remotes.report(entries)
	if kind == Final {
		r.conclude(&report)
	}
	return report
}

// conclude adds how the node has ended.
func (r *Reporter) conclude(report *Report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	report.Outcome = Interrupted
	if r.outcome != "" {
		report.Outcome = r.outcome
	}
	if r.err != nil {
		report.Error = r.err.Error()
	}
}

func (m *Meter) traffic() Traffic {
	return Traffic{
		PayloadOutBytes: m.PayloadOut.Load(), PayloadInBytes: m.PayloadIn.Load(),
		OtherOutBytes: m.OtherOut.Load(), OtherInBytes: m.OtherIn.Load(),
		AgainInBytes: m.AgainIn.Load(),
		ChunksOut:    m.ChunksOut.Load(), ChunksIn: m.ChunksIn.Load(), ChunksBad: m.ChunksBad.Load(),
	}
}

// Log writes the node's load log to w: a start at once, a sample every
// interval, and when ctx ends exactly one final, after which it returns nil.
// Each line is one Write. A w that has a Sync method, as a file has, is synced
// at the end. An error of w ends the log.
func (r *Reporter) Log(ctx context.Context, w io.Writer, interval time.Duration) error {
	if interval <= 0 {
		return fmt.Errorf("the interval of a load log must be more than 0, not %v", interval)
	}
	if err := writeLine(w, r.sample(Start, sampleEntries)); err != nil {
		return err
	}
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			if err := writeLine(w, r.sample(Final, finalEntries)); err != nil {
				return err
			}
			return flush(w)
		case <-ticker.C:
			if err := writeLine(w, r.sample(Sample, sampleEntries)); err != nil {
				return err
			}
		}
	}
}

func writeLine(w io.Writer, report Report) error {
	line, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("load log: %w", err)
	}
	if _, err := w.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("cannot write the load log: %w", err)
	}
	return nil
}

func flush(w io.Writer) error {
	file, ok := w.(interface{ Sync() error })
	if !ok {
		return nil
	}
	if err := file.Sync(); err != nil && !isTerminal(err) {
		return fmt.Errorf("cannot write the load log to the disk: %w", err)
	}
	return nil
}
