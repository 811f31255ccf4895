package report

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
)

// readFolder reads what the lab wrote beside the load logs. It tells whether
// there was anything; what is missing or broken is in the folder's notes.
func readFolder(dir string) (*Folder, bool) {
	f := &Folder{Dir: dir}
	readLab(f)
	readRuns(f)
	if f.Lab == nil && len(f.Runs) == 0 {
		f.Notes = append(f.Notes, "Only load logs are here, of no lab run: which experiment this was, on which machine, "+
			"and whether the files were compared byte for byte is not known.")
		return f, false
	}
	return f, true
}

func readLab(f *Folder) {
	lab, err := labdir.OpenLab(f.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // that there is none is told once the runs are known
		f.Notes = append(f.Notes, fmt.Sprintf("%s: %v", labdir.LabFile, err))
	}
	f.Lab = lab
}

// readRuns reads the run.json of each folder of a run.
func readRuns(f *Folder) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, labdir.RunsDir))
	if err != nil {
		return // logs may lie elsewhere
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		r, err := labdir.OpenRun(labdir.RunDir(f.Dir, e.Name()))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if f.Lab != nil {
				f.Notes = append(f.Notes, e.Name()+" has no "+labdir.RunFile+": it was broken off, and its files were not compared")
			}
		case err != nil:
			f.Notes = append(f.Notes, fmt.Sprintf("%s of %s: %v; left out", labdir.RunFile, e.Name(), err))
		default:
			r.Name = e.Name() // where its logs are, whatever it says
			f.Runs = append(f.Runs, r)
		}
	}
	slices.SortStableFunc(f.Runs, func(a, b *labdir.Run) int { return a.Began.Compare(b.Began) })
	if f.Lab == nil && len(f.Runs) > 0 {
		text := "what was asked for, on which machine, and with which seed is not known"
		if !slices.ContainsFunc(f.Notes, func(note string) bool { return strings.HasPrefix(note, labdir.LabFile) }) {
			text = "there is no " + labdir.LabFile + ": " + text
		}
		f.Notes = append(f.Notes, text)
	}
}

// failed is what did not go as it was to, by what the labs have noted.
func (in *input) failed() (all []metrics.Failure) {
	for _, f := range in.folders {
		for _, r := range f.Runs {
			if r.Error != "" {
				all = append(all, metrics.Failure{Run: r.Name, Why: r.Error})
			}
			for _, n := range r.Nodes {
				if why := cmp.Or(n.Excused, n.Failed); n.DoneSeconds == nil && why != "" || n.Lost {
					all = append(all, metrics.Failure{Run: r.Name, Node: n.Name, Machine: n.Machine, Why: cmp.Or(why, "its machine has left")})
				}
			}
		}
	}
	return all
}
