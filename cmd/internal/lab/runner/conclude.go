package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
)

const (
	endTime  = 8 * time.Second         // for a node to end in good order
	haste    = 1200 * time.Millisecond // the same when the user wants to go
	partName = "receiver"

	// wellUsed is how many times the least possible time a run may take in
	// which nothing but the links was the limit.
	wellUsed = 1.1
)

// conclude ends the nodes and writes down what came of the run. err is why
// it did not get to its end.
func (r *run) conclude(ctx context.Context, err error) (labdir.Run, error) {
	r.ending.over.Store(true)
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err())
		r.endNodes(r.nodes, haste)
	} else {
		r.endNodes(r.nodes[1:], endTime)
		r.endNodes(r.nodes[:1], endTime)
	}
	r.readLast()
	r.balance(err)
	r.timeline.add(labdir.Event{End: &labdir.End{
		DistributionSeconds: r.book.DistributionSeconds, Verified: r.book.Verified, Error: r.book.Error,
	}})
	book := r.account()
	problem := errors.Join(r.timeline.close(), r.network.Close(), r.tidy(), book.Save(r.dir))
	if ctx.Err() != nil {
		return book, ctx.Err()
	}
	return book, problem
}

// endNodes ends nodes, all at the same time, and waits for that.
func (r *run) endNodes(nodes []*node, grace time.Duration) {
	var ending sync.WaitGroup
	for _, n := range nodes {
		p, _ := n.running()
		if p == nil {
			continue
		}
		ending.Go(func() {
			if p.End(grace) && grace == endTime {
				r.doubt("%s did not end within %s of being asked and was killed: its log lacks its last moments", n.name, grace)
			}
		})
	}
	ending.Wait()
}

// readLast reads the last reports of receivers that ended, having the file,
// before their agents could tell of it, and what the origin has sent in all.
func (r *run) readLast() {
	for i, n := range r.nodes {
		p, _ := n.running()
		if p != nil && n.receiver() && !n.done.IsZero() && n.last.State != labdir.Done {
			r.lastWords(n, p)
		}
		r.book.Nodes[i].SentBytes = n.last.OutBytes
		if n.receiver() || p == nil {
			continue
		}
		if report, ok := finalReport(r.file(n) + ".jsonl"); ok {
			r.book.Nodes[i].SentBytes = report.PayloadOutBytes
		}
	}
}

func (r *run) doubt(format string, args ...any) {
	r.doubts.Lock()
	defer r.doubts.Unlock()
	r.book.Doubts = append(r.book.Doubts, fmt.Sprintf(format, args...))
}

// account is what came of the run. A person may still be doing something to
// its nodes: whoever comes too late is not in it.
func (r *run) account() labdir.Run {
	r.doubts.Lock()
	defer r.doubts.Unlock()
	book := r.book
	book.Doubts = slices.Clone(book.Doubts)
	return book
}

// newBook begins the account of the run.
func (r *run) newBook() labdir.Run {
	b := labdir.Run{
		Format: labdir.RunFormat, Name: r.Name(), System: r.System.Name, Receivers: r.Receivers,
		Repetition: r.Repetition, Began: time.Now(), Links: r.cfg.Links, LinksHow: r.network.about, Delay: r.cfg.Delay.Seconds(),
	}
	for _, n := range r.nodes {
		part := partName
		if !n.receiver() {
			part = "origin"
		}
		b.Nodes = append(b.Nodes, labdir.Node{
			Name: n.name, Part: part, Trait: n.shape.Trait, Host: n.place.Where(),
			Up: rate(n.shape.Link.Up), Down: rate(n.shape.Link.Down),
		})
	}
	return b
}

func rate(v float64) *float64 {
	if v == 0 {
		return nil
	}
	return &v
}

// countLinks takes the counters of the links into account: minus at the start,
// plus at the end.
func (r *run) countLinks(sign int64) {
	for i, n := range r.nodes {
		out, in, ok := n.place.Counted()
		if !ok {
			continue
		}
		line := &r.book.Nodes[i]
		line.LinkOut, line.LinkIn = added(line.LinkOut, sign*out), added(line.LinkIn, sign*in)
	}
}

func added(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

// enter notes what became of a node in its line of the book.
func (r *run) enter(n *node, line *labdir.Node) {
	if n.starts > 1 {
		line.Starts = n.starts
	}
	line.Lost = n.place.Gone()
	if !n.receiver() {
		return
	}
	if !n.done.IsZero() && !n.wrong {
		line.DoneSeconds = new(n.done.Sub(r.book.Began).Seconds())
	}
	if !n.first.IsZero() {
		line.FirstSeconds = new(n.first.Sub(r.book.Began).Seconds())
	}
	line.Receipt, line.Failed, line.Excused = n.receipt, n.failed, r.excused(n)
}

// balance completes the account. err is why the run did not get to its end.
func (r *run) balance(err error) {
	last, needed, missing := time.Time{}, 0, 0
	for i, n := range r.nodes {
		r.book.Polls += int(n.polls)
		r.enter(n, &r.book.Nodes[i])
		if !n.receiver() || r.book.Nodes[i].Excused != "" {
			continue
		}
		needed++
		if n.done.IsZero() || n.wrong {
			missing++
			continue
		}
		if n.done.After(last) {
			last = n.done
		}
	}
	if needed > 0 && missing == 0 && err == nil {
		took := last.Sub(r.book.Began).Seconds()
		r.book.DistributionSeconds = &took
		// However busy the processors were: they cannot have been the limit
		// when the links were used as well as they can be.
		if bound := r.bound(); bound > 0 && took <= wellUsed*bound {
			r.book.CPU.Limit = false
		}
	}
	r.book.BoundSeconds = r.bound()
	r.book.Straggler = straggler(&r.book, r.cfg.File.Bytes)
	r.book.Error = r.verdict(err, needed, missing)
	if r.faults != nil && err == nil {
		r.book.Faults = r.faults.Judge(&r.book)
	}
}

// verdict says in a sentence why the run failed; "" if it did not.
func (r *run) verdict(err error, needed, missing int) string {
	switch {
	case errors.Is(err, context.Canceled):
		return labdir.ByUser
	case err != nil:
		return err.Error()
	case r.book.Error != "":
		return r.book.Error
	case missing == 0:
		return ""
	}
	for _, n := range r.nodes[1:] {
		if n.wrong {
			return fmt.Sprintf("%s holds a file that differs from the original", n.name)
		}
	}
	for _, n := range r.nodes[1:] {
		if n.failed != "" && r.excused(n) == "" {
			return fmt.Sprintf("%d of %s did not get the file: %s", missing, units.Counted(needed, "receiver"), n.failed)
		}
	}
	return fmt.Sprintf("%d of %s did not get the file: %s", missing, units.Counted(needed, "receiver"), r.without())
}

// tidy removes what need not stay.
func (r *run) tidy() error {
	err := os.Remove(filepath.Join(r.dir, labdir.OriginKey))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	for _, n := range r.nodes {
		err = errors.Join(err, n.place.Clear())
	}
	if r.cfg.Keep {
		return err
	}
	return errors.Join(err, os.RemoveAll(r.received()))
}
