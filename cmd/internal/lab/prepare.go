package lab

import (
	"context"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// prepare makes the lab's folder and its file, and says what is going to be
// done.
func (l *lab) prepare(ctx context.Context) error {
	if err := l.makeFolder(); err != nil {
		return err
	}
	path, err := l.theFile(ctx)
	if err != nil {
		return err
	}
	id, err := l.identify(ctx, path)
	if err != nil {
		return err
	}
	l.book = labdir.Lab{
		Format: labdir.LabFormat, Began: time.Now(), Program: l.Program.Version, Command: l.Program.Command,
		FileName: filepath.Base(path), FileBytes: l.file.Bytes, FileID: id,
		Systems: l.Scenario.Systems.Names(), Receivers: l.Scenario.Receivers, Runs: l.Scenario.Runs, Seed: l.Scenario.Seed,
		Links: l.Scenario.Links, Faults: l.Faults.Words,
		Machine: l.machine,
	}
	l.Event("lab", map[string]any{"dir": l.dir, "runs": len(l.Scenario.Sequence()), "expect_s": l.Scenario.Expect().Seconds(), "file_id": id})
	l.Note("%s (%s) in %s, about %s at the least; everything goes to %s", filepath.Base(path),
		units.Bytes(l.file.Bytes), units.Counted(len(l.Scenario.Sequence()), "run"), units.Duration(l.Scenario.Expect().Round(time.Second)), l.dir)
	return l.book.Save(l.dir)
}

// theFile returns the path of the file to send, and makes it up if none is given.
func (l *lab) theFile(ctx context.Context) (string, error) {
	if l.File != "" {
		return filepath.Abs(l.File)
	}
	path, err := filepath.Abs(l.scratch.Path(labdir.ScratchFile))
	if err != nil {
		return "", err
	}
	return path, runner.RandomFile(ctx, path, l.Scenario.FileBytes, l.Scenario.Seed)
}

// identify hashes the file, into a cache from which the origins of all runs
// know it: no run is to wait for that.
func (l *lab) identify(ctx context.Context, path string) (string, error) {
	cache, err := store.OpenCache(l.scratch.Path(labdir.ScratchCache))
	if err != nil {
		return "", err
	}
	bar := l.Bar("hash "+readable.Text(filepath.Base(path)), l.Scenario.FileBytes, 0)
	list, err := store.HashFile(ctx, path, cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return "", err
	}
	l.file = runner.File{Path: path, Bytes: list.Size(), Chunks: list.Len()}
	return list.ID().String(), nil
}

// cleanUp removes what was needed only while the lab ran.
func (l *lab) cleanUp() error {
	if l.scratch == nil {
		return nil
	}
	return l.scratch.Leave()
}
