package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
)

// prepare makes the lab's folder and its file, and says what is going to be
// done.
func (l *lab) prepare(ctx context.Context) error {
	if err := l.makeFolder(); err != nil {
		return err
	}
	if addr := l.watching.dashboard; addr != "" {
		var err error
		if l.page, err = openDashboard(ctx, addr); err != nil {
			return err
		}
		l.out.Event("dashboard", map[string]string{"url": l.page.URL()})
		l.out.Note("watch it at %s", l.page.URL())
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
		Format: labdir.LabFormat, Began: time.Now(), Program: thisBuild().Version, Command: load.WithoutSecrets(os.Args),
		FileName: filepath.Base(path), FileBytes: l.file.Bytes, FileID: id,
		Systems: l.scenario.Systems, Receivers: l.scenario.Receivers, Runs: l.scenario.Runs, Seed: l.seed,
		Links: l.links.kind, Faults: l.faults,
		Machine: l.machine,
	}
	l.out.Event("lab", map[string]any{"dir": l.dir, "trials": len(l.scenario.Trials()), "expect_s": l.scenario.Expect().Seconds(), "file_id": id})
	l.out.Note("%s (%s) in %s, about %s at the least; everything goes to %s", filepath.Base(path),
		units.Bytes(l.file.Bytes), units.Counted(len(l.scenario.Trials()), "trial"), units.Duration(l.scenario.Expect().Round(time.Second)), l.dir)
	return l.book.Save(l.dir)
}

// checkFolder chooses the lab's folder. It refuses one that is in use, unless
// by a lab that the flags want replaced.
func (l *lab) checkFolder() error {
	l.dir = l.labFlags.out
	if l.dir == "" {
		l.dir = filepath.Join("results", "lab-"+time.Now().Format("20060102-150405"))
		l.tellOfKilled()
	}
	entries, err := os.ReadDir(l.dir)
	_, old := os.Stat(filepath.Join(l.dir, labdir.LabFile))
	state := labdir.LookAtScratch(l.dir)
	switch {
	case errors.Is(err, os.ErrNotExist) || err == nil && len(entries) == 0:
	case err != nil:
		return fileerr.Named(l.dir, err)
	case state == labdir.Held:
		return fault.Wrapf(fault.InUse, "another lab runs in %s: choose another folder with --out", l.dir)
	case state == labdir.Left && !l.watching.force:
		return fault.Wrapf(fault.Exists, "%s holds a lab whose process was killed: 'starmesh lab report %s' makes the report of what it measured and tidies up; "+
			"or choose another folder with --out, or replace it with --force", l.dir, l.dir)
	case old != nil && state != labdir.Left:
		return fault.Wrapf(fault.Exists, "%s is not empty and holds no lab: choose another folder with --out", l.dir)
	case !l.watching.force:
		return fault.Wrapf(fault.Exists, "%s holds another lab: choose another folder with --out, or replace it with --force", l.dir)
	}
	return nil
}

// tellOfKilled tells of earlier labs that were killed: their copies of files
// take room, and nobody else would come past them.
func (l *lab) tellOfKilled() {
	earlier, _ := filepath.Glob(filepath.Join("results", "lab-*")) // the pattern is right
	for _, dir := range earlier {
		if labdir.LookAtScratch(dir) == labdir.Left {
			l.out.Warn("%s is left of a lab that was killed: 'starmesh lab report %s' makes the report of what it measured, and removes what nobody needs", dir, dir)
		}
	}
}

// makeFolder makes the lab's folder, in the place of a lab that may be there.
// Only what a lab leaves is removed: whatever else a user keeps there stays.
func (l *lab) makeFolder() (err error) {
	if l.work, err = labdir.TakeScratch(l.dir, l.watching.keep); err != nil {
		return fileerr.Named(l.dir, err)
	}
	for _, name := range []string{labdir.RunsDir, labdir.PlotsDir, labdir.ReportFile, labdir.TableFile, labdir.TextFile,
		labdir.LabFile, metrics.DocumentName} {
		if err := os.RemoveAll(filepath.Join(l.dir, name)); err != nil {
			return fileerr.Named(l.dir, err)
		}
	}
	return nil
}

// theFile gives the file to send, and makes it up if none is given.
func (l *lab) theFile(ctx context.Context) (string, error) {
	if l.labFlags.file != "" {
		return filepath.Abs(l.labFlags.file)
	}
	path, err := filepath.Abs(l.work.Path(labdir.ScratchFile))
	if err != nil {
		return "", err
	}
	return path, runner.RandomFile(ctx, path, l.scenario.FileBytes, l.seed)
}

// identify hashes the file, into a cache from which the origins of all trials
// know it: no trial is to wait for that.
func (l *lab) identify(ctx context.Context, path string) (string, error) {
	cache, err := store.OpenCache(l.work.Path(labdir.ScratchCache))
	if err != nil {
		return "", err
	}
	bar := l.out.Bar("hash "+units.Printable(filepath.Base(path)), l.scenario.FileBytes)
	bar.Start()
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
	if l.work == nil {
		return nil
	}
	return l.work.Leave()
}
