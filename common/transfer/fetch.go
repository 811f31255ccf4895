package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"starmesh/common/fault"
	"starmesh/common/retry"
)

// pauses are those before a source that failed is run again.
var pauses = retry.Backoff{First: 100 * time.Millisecond, Max: 5 * time.Second, Jitter: 0.5}

// corruptTries is how often in a row a source may bring nothing but a corrupt
// chunk before it is given up: once may be the wire, five times is the file.
const corruptTries = 5

// Config says how a fetch goes about its sources. With the zero value Fetch asks
// each source once, and Wait does not wait.
type Config struct {
	// RetryFor is how long to go on while nothing arrives from anywhere,
	// counted from the last chunk; negative means for ever. So long Fetch runs
	// a source that has failed again (after a growing pause, and not when the
	// failure is fault.Final), and Intake.Wait waits.
	RetryFor time.Duration
	// Counter counts every chunk that arrived; nil counts nothing.
	Counter Counter
	// OnChunk is told of every chunk that arrived, once it is counted; called
	// from several goroutines.
	OnChunk func(Chunk)
	// OnRetry is told before each pause; called from several goroutines.
	OnRetry func(source string, err error, wait time.Duration)
}

// Fetch fills to, running every source that arrives on from, and returns nil
// when to holds all chunks, verified; by then all its goroutines have ended.
// A closed from says that no more sources will come. It fails with the store's
// error, with ctx's, or, when the last source has ended, with what that one
// said (fault.NoSource and what each said, if there were several). What has
// arrived stays in to in every case.
func Fetch(ctx context.Context, to Sink, from <-chan Source, cfg Config) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &fetch{Intake: NewIntake(to, cfg), ended: make(chan error)}
	err := f.supervise(ctx, from)
	cancel()
	for ; f.running > 0; f.running-- {
		<-f.ended
	}
	f.Close()
	return err
}

// fetch is an intake with sources that it runs.
type fetch struct {
	*Intake
	ended   chan error // one value from each driven source
	running int        // sources whose value is still to come; the supervisor's own
	last    []error    // why the latest sources ended
}

// supervise starts sources until the file is whole or hope is lost.
func (f *fetch) supervise(ctx context.Context, from <-chan Source) error {
	for {
		if f.isOver() {
			return f.err
		}
		if from == nil && f.running == 0 {
			return f.noSource()
		}
		select {
		case <-f.over:
			return f.err
		case <-ctx.Done():
			return context.Cause(ctx)
		case source, ok := <-from:
			if !ok {
				from = nil
				continue
			}
			f.running++
			go func() { f.ended <- f.Drive(ctx, source, f.Claimant(source.Name())) }()
		case err := <-f.ended:
			f.running--
			f.remember(err)
		}
	}
}

// remember keeps the last few failures, for the final word.
func (f *fetch) remember(err error) {
	if err == nil {
		return
	}
	f.last = append(f.last, err)
	if len(f.last) > 4 {
		f.last = f.last[1:]
	}
}

func (f *fetch) noSource() error {
	switch len(f.last) {
	case 0:
		return fault.Wrapf(fault.NoSource, "no source has the rest of the file")
	case 1:
		return f.last[0]
	default:
		return fmt.Errorf("%w: %w", fault.NoSource, errors.Join(f.last...))
	}
}

// Driven is what a source that is driven brings its chunks to, a Claimant or what
// stands before one.
type Driven interface {
	Wanted
	// ReleaseAll takes back all claims; their chunks are not needed here.
	ReleaseAll() []int
}

// Drive runs source for w, again and again if Config says so, and returns nil when
// nothing is wanted any more. It fails with ctx's error, or with why the source
// has ended for good.
func (in *Intake) Drive(ctx context.Context, source Source, w Driven) error {
	patience := patience{Patience: retry.New(pauses, in.cfg.RetryFor)}
	for {
		before := in.Lacking()
		err := source.Run(ctx, w)
		w.ReleaseAll()
		if err == nil || ctx.Err() != nil || in.isOver() {
			return err
		}
		wait, ok := patience.next(err, in.Lacking() < before)
		if !ok {
			return fmt.Errorf("%s: %w", source.Name(), err)
		}
		if in.cfg.OnRetry != nil {
			in.cfg.OnRetry(source.Name(), err, wait)
		}
		select {
		case <-time.After(wait):
		case <-in.over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// patience decides whether and when a failed source is run again.
type patience struct {
	*retry.Patience
	corrupt int
}

func (p *patience) next(err error, progress bool) (time.Duration, bool) {
	if progress {
		p.Progress(time.Now())
		p.corrupt = 0
	}
	if errors.Is(err, fault.Corrupt) {
		if p.corrupt++; p.corrupt >= corruptTries {
			return 0, false
		}
	}
	return p.Next(err)
}
