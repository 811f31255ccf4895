package lab

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/common/fault"
)

// chooseFolder chooses the lab's folder. It refuses one that is in use, unless
// by a lab that is to be replaced.
func (l *lab) chooseFolder() error {
	l.dir = l.Folder.Dir
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
	case state == labdir.Left && !l.Folder.Force:
		return fault.Wrapf(fault.Exists, "%s holds a lab whose process was killed: 'starmesh lab report %s' makes the report of what it measured and tidies up; "+
			"or choose another folder with --out, or replace it with --force", l.dir, l.dir)
	case old != nil && state != labdir.Left:
		return fault.Wrapf(fault.Exists, "%s is not empty and holds no lab: choose another folder with --out", l.dir)
	case !l.Folder.Force:
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
			l.Warn("%s is left of a lab that was killed: 'starmesh lab report %s' makes the report of what it measured, and removes what nobody needs", dir, dir)
		}
	}
}

// makeFolder makes the lab's folder, in the place of a lab that may be there.
// Only what a lab leaves is removed: whatever else a user keeps there stays.
func (l *lab) makeFolder() (err error) {
	if l.scratch, err = labdir.TakeScratch(l.dir, l.Folder.Keep); err != nil {
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
