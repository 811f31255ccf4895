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
)

const (
	endTime  = 8 * time.Second         // for a node to end in good order
	haste    = 1200 * time.Millisecond // the same when the user wants to go
	partName = "receiver"

	// wellUsed is how many times the least possible time a trial may take in
	// which nothing but the links was the limit.
	wellUsed = 1.1
)

// conclude ends the nodes and writes down what came of the trial. err is why
// it did not get to its end.
func (t *trial) conclude(ctx context.Context, err error) (labdir.Run, error) {
	t.ending.over.Store(true)
	if ctx.Err() != nil {
		err = errors.Join(ctx.Err())
		t.endNodes(t.nodes, haste)
	} else {
		t.endNodes(t.nodes[1:], endTime)
		t.endNodes(t.nodes[:1], endTime)
	}
	t.readLast()
	t.balance(err)
	t.timeline.add(labdir.Event{End: &labdir.End{
		DistributionSeconds: t.book.DistributionSeconds, Verified: t.book.Verified, Error: t.book.Error,
	}})
	book := t.account()
	problem := errors.Join(t.timeline.close(), t.network.Close(), t.tidy(), book.Save(t.dir))
	if ctx.Err() != nil {
		return book, ctx.Err()
	}
	return book, problem
}

// endNodes ends nodes, all at the same time, and waits for that.
func (t *trial) endNodes(nodes []*node, grace time.Duration) {
	var ending sync.WaitGroup
	for _, n := range nodes {
		p, _ := n.running()
		if p == nil {
			continue
		}
		ending.Go(func() {
			if p.End(grace) && grace == endTime {
				t.doubt("%s did not end within %s of being asked and was killed: its log lacks its last moments", n.name, grace)
			}
		})
	}
	ending.Wait()
}

// readLast reads the last reports of receivers that ended, having the file,
// before their agents could tell of it.
func (t *trial) readLast() {
	for _, n := range t.nodes[1:] {
		if p, _ := n.running(); p != nil && !n.done.IsZero() && n.last.State != labdir.Done {
			t.lastWords(n, p)
		}
	}
}

func (t *trial) doubt(format string, args ...any) {
	t.doubts.Lock()
	defer t.doubts.Unlock()
	t.book.Doubts = append(t.book.Doubts, fmt.Sprintf(format, args...))
}

// account is what came of the trial. A person may still be doing something to
// its nodes: whoever comes too late is not in it.
func (t *trial) account() labdir.Run {
	t.doubts.Lock()
	defer t.doubts.Unlock()
	book := t.book
	book.Doubts = slices.Clone(book.Doubts)
	return book
}

// newBook begins the account of the trial.
func (t *trial) newBook() labdir.Run {
	b := labdir.Run{
		Format: labdir.RunFormat, Name: t.Name(), System: t.System.Name, Receivers: t.Receivers,
		Repetition: t.Repetition, Began: time.Now(), Links: t.cfg.Links, LinksHow: t.network.About(),
	}
	for _, n := range t.nodes {
		part := partName
		if !n.receiver() {
			part = "origin"
		}
		b.Nodes = append(b.Nodes, labdir.Node{
			Name: n.name, Part: part, Trait: n.shape.Trait,
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
func (t *trial) countLinks(sign int64) {
	for i, n := range t.nodes {
		out, in, ok := n.place.Counted()
		if !ok {
			continue
		}
		line := &t.book.Nodes[i]
		line.LinkOut, line.LinkIn = added(line.LinkOut, sign*out), added(line.LinkIn, sign*in)
	}
}

func added(sum *int64, v int64) *int64 {
	if sum != nil {
		v += *sum
	}
	return &v
}

// balance completes the account. err is why the trial did not get to its end.
func (t *trial) balance(err error) {
	last, needed, missing := time.Time{}, 0, 0
	for i, n := range t.nodes {
		line := &t.book.Nodes[i]
		t.book.Polls += int(n.polls)
		if n.starts > 1 {
			line.Starts = n.starts
		}
		if !n.receiver() {
			continue
		}
		if !n.done.IsZero() && !n.wrong {
			line.DoneSeconds = new(n.done.Sub(t.book.Began).Seconds())
		}
		if line.Excused = t.excused(n); line.Excused != "" {
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
		took := last.Sub(t.book.Began).Seconds()
		t.book.DistributionSeconds = &took
		// However busy the processors were: they cannot have been the limit
		// when the links were used as well as they can be.
		if bound := t.bound(); bound > 0 && took <= wellUsed*bound {
			t.book.CPU.Limit = false
		}
	}
	t.book.Error = t.verdict(err, needed, missing)
	if t.trouble != nil && err == nil {
		t.book.Faults = t.trouble.Judge(&t.book)
	}
}

// verdict says in a sentence why the trial failed; "" if it did not.
func (t *trial) verdict(err error, needed, missing int) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "stopped by the user"
	case err != nil:
		return err.Error()
	case t.book.Error != "":
		return t.book.Error
	case missing == 0:
		return ""
	}
	for _, n := range t.nodes[1:] {
		if n.wrong {
			return fmt.Sprintf("%s holds a file that differs from the original", n.name)
		}
	}
	for _, n := range t.nodes[1:] {
		if n.failed != "" && t.excused(n) == "" {
			return fmt.Sprintf("%d of %d receivers did not get the file: %s", missing, needed, n.failed)
		}
	}
	return fmt.Sprintf("%d of %d receivers did not get the file: %s", missing, needed, t.without())
}

// tidy removes what need not stay.
func (t *trial) tidy() error {
	err := os.Remove(filepath.Join(t.dir, labdir.OriginKey))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if t.cfg.Keep {
		return err
	}
	return errors.Join(err, os.RemoveAll(t.received()))
}
