package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// scenario is one way to be unkind.
type scenario struct {
	name   string
	checks string             // what must be true after it
	takes  time.Duration      // a usual round
	limit  time.Duration      // a round that takes longer has failed
	needs  func(house) string // why it cannot be done here; nil: it can
	run    func(*round) error
}

// round is one run of a scenario.
type round struct {
	config
	ctx   context.Context
	home  house
	name  string // SCENARIO-NUMBER
	dir   string
	rng   *rand.Rand // everything that is decided comes from it, in order
	log   io.Writer
	begin time.Time
	nodes []*node
	tally map[string]int
	undo  []func() error // in reverse order, at the end
}

// outcome is what came of a round.
type outcome struct {
	err   error
	took  time.Duration
	tally map[string]int
}

// seeded returns what the decisions of a scenario's round are drawn from.
func seeded(seed uint64, name string, number int) *rand.Rand {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", name, number)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// hang is when something that should have taken so long at most counts as
// hanging. On a busy machine nothing but that says anything.
func (c config) hang(after time.Duration) time.Duration {
	if c.untimed {
		return 5 * after
	}
	return after
}

// late judges how long something took.
func (c config) late(what string, took, limit time.Duration) error {
	if c.untimed || took <= limit {
		return nil
	}
	return fmt.Errorf("%s took %.2f s, more than %.2f", what, took.Seconds(), limit.Seconds())
}

// play runs one round, in a folder that stays only when it failed.
func (s scenario) play(c config, h house, number int) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), c.hang(s.limit))
	defer cancel()
	r := &round{
		config: c, ctx: ctx, home: h, rng: seeded(c.seed, s.name, number),
		name: fmt.Sprintf("%s-%d", s.name, number), begin: time.Now(), tally: make(map[string]int),
	}
	r.dir = filepath.Join(c.dir, fmt.Sprintf("seed-%d", c.seed), r.name)
	err := r.prepare()
	if err == nil {
		err = errors.Join(s.run(r), r.close())
	}
	if err == nil {
		err = os.RemoveAll(r.dir)
	} else {
		r.logf("FAILED: %v", err)
	}
	return outcome{err, time.Since(r.begin), r.tally}
}

func (r *round) prepare() error {
	if err := errors.Join(os.RemoveAll(r.dir), os.MkdirAll(r.dir, 0o755)); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(r.dir, "round.log"))
	if err != nil {
		return err
	}
	r.log = log
	return nil
}

// close ends what still runs and looks for what no node may ever say.
func (r *round) close() error {
	var errs []error
	for _, n := range r.nodes {
		if !n.ended() {
			_ = n.last().cmd.Process.Kill() // unless it ends just now
			<-n.last().done
		}
		for _, p := range n.runs {
			errs = append(errs, p.sane())
		}
	}
	for i := len(r.undo) - 1; i >= 0; i-- {
		errs = append(errs, r.undo[i]())
	}
	return errors.Join(errs...)
}

// sane looks for the words of a crash.
func (p *run) sane() error {
	text, err := os.ReadFile(p.base + ".err")
	if err != nil {
		return err
	}
	for _, words := range []string{"panic:", "fatal error:", "DATA RACE", "SIGSEGV", "internal error"} {
		if bytes.Contains(text, []byte(words)) {
			return fmt.Errorf("%s.err says %q", filepath.Base(p.base), words)
		}
	}
	if state := p.cmd.ProcessState; state != nil && state.ExitCode() == 2 {
		return fmt.Errorf("%s says that it was called in a wrong way: %s", filepath.Base(p.base), p.complaint())
	}
	return nil
}

func (r *round) logf(format string, args ...any) {
	fmt.Fprintf(r.log, "%8.3f  %s\n", time.Since(r.begin).Seconds(), fmt.Sprintf(format, args...))
}

// count adds to what the table's last line tells.
func (r *round) count(what string, n int) { r.tally[what] += n }

// pause waits between min and max, drawn.
func (r *round) pause(min, max time.Duration) {
	r.sleep(min + time.Duration(r.rng.Int64N(int64(max-min)+1)))
}

func (r *round) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

// upTo draws 1 … n.
func (r *round) upTo(n int) int { return 1 + r.rng.IntN(n) }

// perhaps draws yes or no.
func (r *round) perhaps() bool { return r.rng.IntN(2) == 0 }

func pick[T any](r *round, of ...T) T { return of[r.rng.IntN(len(of))] }

// path is a name in the round's folder.
func (r *round) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

// bytes draws n bytes of content.
func (r *round) bytes(n int64) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(r.rng.Uint32())
	}
	p := make([]byte, n)
	_, _ = rand.NewChaCha8(seed).Read(p) // never fails
	return p
}

// write makes a file with that content, and the folders above it.
func (r *round) write(content []byte, elem ...string) error {
	name := r.path(elem...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, content, 0o644)
}

// files makes what a round sends: one file, or a folder of small ones. It
// returns the size of all.
func (r *round) files(folder bool, elem ...string) (int64, error) {
	if !folder {
		size := 1<<20 + r.rng.Int64N(7<<20)
		return size, r.write(r.bytes(size), append(elem, "file")...)
	}
	var total int64
	for i := range 10 + r.rng.IntN(40) {
		size := r.rng.Int64N(200 << 10)
		total += size
		name := fmt.Sprintf("dir-%d/file-%d", i%4, i)
		if err := r.write(r.bytes(size), append(elem, name)...); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// same compares two trees: every file of want is in got with its bytes, and
// no file in the making is.
func same(want, got string) error {
	return errors.Join(noneWrong(want, got), noneMissing(want, got), nothingLeft(got))
}

// noneWrong says that no file that both have differs.
func noneWrong(want, got string) error {
	return eachFile(want, func(name string) error {
		a, errA := os.ReadFile(filepath.Join(want, name))
		b, errB := os.ReadFile(filepath.Join(got, name))
		if errA == nil && errB == nil && !bytes.Equal(a, b) {
			return fmt.Errorf("WRONG FILE %s: %d bytes, not the %d that were sent", filepath.Join(got, name), len(b), len(a))
		}
		return nil
	})
}

func noneMissing(want, got string) error {
	return eachFile(want, func(name string) error {
		_, err := os.Stat(filepath.Join(got, name))
		return err
	})
}

// nothingLeft says that no file in the making is left.
func nothingLeft(dir string) error {
	return eachFile(dir, func(name string) error {
		if strings.HasSuffix(name, ".part") || strings.HasSuffix(name, ".part.state") {
			return fmt.Errorf("%s is left over", filepath.Join(dir, name))
		}
		return nil
	})
}

func eachFile(dir string, visit func(name string) error) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path) // it is below
			errs = append(errs, visit(name))
		}
		if errors.Is(err, syscall.ENOENT) {
			return nil
		}
		return err
	})
	return errors.Join(append(errs, err)...)
}
