package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/page"
	"starmesh/cmd/internal/lab/record"
)

// maxBytes bounds lab.json and run.json: one of a thousand nodes takes 300 KB.
const maxBytes = 64 << 20

// readFolder reads what the lab wrote beside the load logs. It tells whether
// there was anything; what is missing or broken is in the folder's notes.
func readFolder(dir string) (page.Folder, bool) {
	f := page.Folder{Dir: dir}
	readLab(&f)
	readTrials(&f)
	if f.Lab == nil && len(f.Trials) == 0 {
		f.Notes = append(f.Notes, "Only load logs are here, of no lab run: which experiment this was, on which machine, "+
			"and whether the files were compared byte for byte is not known.")
		return f, false
	}
	return f, true
}

func readLab(f *page.Folder) {
	var lab record.Lab
	err := readJSON(filepath.Join(f.Dir, record.LabFile), &lab)
	if err == nil && lab.Format != record.LabFormat {
		err = fmt.Errorf("its format is %.40q, not %q", lab.Format, record.LabFormat)
	}
	switch {
	case err == nil:
		f.Lab = &lab
	case errors.Is(err, fs.ErrNotExist):
		// Told once the trials are known.
	default:
		f.Notes = append(f.Notes, fmt.Sprintf("%s cannot be read: %v", record.LabFile, err))
	}
}

// readTrials reads the run.json of each folder of a run.
func readTrials(f *page.Folder) {
	entries, err := os.ReadDir(filepath.Join(f.Dir, record.RunsDir))
	if err != nil {
		return // logs may lie elsewhere
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		var t record.Trial
		err := readJSON(filepath.Join(record.TrialDir(f.Dir, e.Name()), record.RunFile), &t)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			if f.Lab != nil {
				f.Notes = append(f.Notes, e.Name()+" has no "+record.RunFile+": it was broken off, and its files were not compared")
			}
		case err != nil:
			f.Notes = append(f.Notes, fmt.Sprintf("%s of %s cannot be read: %v", record.RunFile, e.Name(), err))
		case t.Format != record.TrialFormat:
			f.Notes = append(f.Notes, fmt.Sprintf("%s of %s is of format %.40q, not %q: left out", record.RunFile, e.Name(), t.Format, record.TrialFormat))
		default:
			t.Name = e.Name() // where its logs are, whatever it says
			f.Trials = append(f.Trials, t)
		}
	}
	slices.SortStableFunc(f.Trials, func(a, b record.Trial) int { return a.Began.Compare(b.Began) })
	if f.Lab == nil && len(f.Trials) > 0 {
		f.Notes = append(f.Notes, "there is no "+record.LabFile+": what was asked for, on which machine, and with which seed is not known")
	}
}

// readJSON reads one JSON value.
func readJSON(name string, into any) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxBytes+1))
	if err != nil {
		return err
	}
	if len(text) > maxBytes {
		return fmt.Errorf("longer than %d bytes", maxBytes)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("broken: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}
