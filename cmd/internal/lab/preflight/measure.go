package preflight

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/store"
)

const (
	span     = 1.2      // seconds a measurement takes, besides starting and ending nodes
	minFile  = 1 << 20  // bytes; fewer say little
	maxFile  = 64 << 20 // bytes; more are not needed, however fast it goes
	patience = 20 * time.Second
)

// A Probe measures what the program costs this machine.
type Probe struct {
	Program  string // the file of this program
	Dir      string // for what is needed meanwhile; the caller removes it
	Scenario *scenario.Scenario
	Poll     time.Duration // between two questions to an agent
	// Run does one run: runner.Manager's, or a test's.
	Run func(context.Context, runner.Config, scenario.Run) (labdir.Run, error)
}

// Measure sends a piece of random bytes to one receiver, through that system
// and over its links.
func (p *Probe) Measure(ctx context.Context, of *system.System) (Sample, error) {
	s := p.small(of)
	file, err := p.file(ctx, s.FileBytes)
	if err != nil {
		return Sample{}, fmt.Errorf("cannot measure: %w", err)
	}
	run := s.Sequence()[0]
	result, err := p.Run(ctx, runner.Config{
		Program: p.Program, Dir: p.Dir, File: file, Links: s.Links, Poll: p.Poll, Stall: patience, Cache: p.cache(),
	}, run)
	if err == nil && result.Error != "" {
		err = errors.New(result.Error)
	}
	if err != nil {
		return Sample{}, fmt.Errorf("cannot measure %s: %w", of.Name, err)
	}
	nodes, _, err := runlogs.Read(ctx, []string{labdir.RunDir(p.Dir, run.Name())})
	if err != nil {
		return Sample{}, fmt.Errorf("cannot measure %s: %w", of.Name, err)
	}
	runs, _ := runlogs.Runs(nodes, runlogs.Links{}, system.Table{of})
	if len(runs) != 1 {
		return Sample{}, fmt.Errorf("cannot measure %s: its logs are of %d runs", of.Name, len(runs))
	}
	sample, err := SampleOf(runs[0])
	if err != nil {
		return Sample{}, fmt.Errorf("cannot measure %s: %w", of.Name, err)
	}
	return sample, nil
}

// small is the scenario with one receiver and a file that takes about a second:
// also where the lab's own file is smaller, of which most of the time goes into
// starting the nodes.
func (p *Probe) small(of *system.System) *scenario.Scenario {
	s := *p.Scenario
	s.Systems, s.Receivers, s.Runs = system.Table{of}, []int{1}, 1
	limit, second := float64(maxFile), 0.0
	if rate := s.Sequence()[0].Pace(); rate > 0 {
		second = span * rate
		limit = min(max(second, minFile), maxFile)
	}
	s.FileBytes = min(max(s.FileBytes, int64(min(second, minFile))), int64(limit))
	return &s
}

func (p *Probe) cache() string { return filepath.Join(p.Dir, "cache") }

// file makes up a file of so many bytes.
func (p *Probe) file(ctx context.Context, size int64) (file runner.File, err error) {
	file = runner.File{Path: filepath.Join(p.Dir, "measure.bin"), Bytes: size}
	if err := os.MkdirAll(p.Dir, 0o777); err != nil {
		return file, err
	}
	if err := runner.RandomFile(ctx, file.Path, size, p.Scenario.Seed); err != nil {
		return file, err
	}
	cache, err := store.OpenCache(p.cache())
	if err != nil {
		return file, err
	}
	list, err := store.HashFile(ctx, file.Path, cache, func(int64) {})
	if err != nil {
		return file, err
	}
	file.Chunks = list.Len()
	return file, nil
}
