package report

import (
	"iter"
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
)

// A runRow is one run in the table of all.
type runRow struct {
	Name, System, Time, Multiple, Copies, Verified, Busy string
	Receivers                                            int
	Remarks                                              []string
}

// at is where the logs of a run are, as reports name it.
func (f *Folder) at(t *labdir.Run) string {
	return filepath.ToSlash(labdir.RunDir(filepath.Clean(f.Dir), t.Name))
}

// short names a run without the folder that the page is about.
func (v *view) short(r *metrics.Report) string {
	for _, f := range v.Folders {
		if f.Set != r.Set {
			continue
		}
		dir := filepath.ToSlash(filepath.Clean(f.Dir))
		if name, inside := strings.CutPrefix(r.Name, dir+"/"); inside {
			return strings.TrimPrefix(name, labdir.RunsDir+"/")
		}
		if name, is := strings.CutPrefix(r.Name, dir); is {
			return filepath.Base(dir) + name
		}
	}
	return r.Name
}

// all are the runs that the page is about, case by case, with their series.
func (v *view) all() iter.Seq2[*metrics.Series, *metrics.Report] {
	return func(yield func(*metrics.Series, *metrics.Report) bool) {
		for _, cs := range v.Cases {
			for _, s := range cs.Series {
				for _, r := range s.Runs {
					if !yield(s, r) {
						return
					}
				}
			}
		}
	}
}

// records are what the labs have noted of runs, with their folders.
func (v *view) records() iter.Seq2[*Folder, *labdir.Run] {
	return func(yield func(*Folder, *labdir.Run) bool) {
		for _, f := range v.Folders {
			for _, r := range f.Runs {
				if !yield(f, r) {
					return
				}
			}
		}
	}
}

// RunRows lists every run: what medians are made of.
func (v *view) RunRows() []runRow {
	var rows []runRow
	told := make(map[*labdir.Run]bool)
	for series, run := range v.all() {
		row := rowOf(series.Label(), run)
		row.Name = v.short(run)
		if record := v.record(run); record != nil {
			told[record] = true
			row.note(record)
		}
		rows = append(rows, row)
	}
	for _, r := range v.records() {
		if !told[r] {
			row := runRow{Name: r.Name, System: r.System, Receivers: r.Receivers, Time: table.Missing, Multiple: table.Missing,
				Copies: table.Missing, Remarks: []string{"its load logs are missing"}}
			row.note(r)
			rows = append(rows, row)
		}
	}
	return rows
}

func rowOf(label string, run *metrics.Report) runRow {
	value := func(key metrics.Key) string {
		v, ok := run.Value(key)
		if !ok {
			return table.Missing
		}
		return Value(v, metrics.Define(key).Unit)
	}
	row := runRow{
		System: label, Receivers: run.Receivers, Verified: table.Missing, Busy: table.Missing,
		Time: value(metrics.Distribution), Multiple: value(metrics.BoundMultiple), Copies: value(metrics.OriginCopies),
	}
	if f := run.Figure(metrics.Distribution); f != nil && f.Value == nil {
		row.Remarks = append(row.Remarks, f.Absent)
	}
	if len(run.Doubts) > 0 {
		row.Remarks = append(row.Remarks, units.Counted(len(run.Doubts), "doubt")+", told at the end")
	}
	return row
}

// note adds what the lab wrote down of the run.
func (r *runRow) note(t *labdir.Run) {
	r.Verified = Value(float64(t.Verified), metrics.Count) + " of " + Value(float64(due(t)), metrics.Count)
	r.Busy = Value(t.CPU.BusyShare, metrics.Share)
	if t.CPU.Limit {
		r.Remarks = append(r.Remarks, "CPU was the limit")
	}
	if t.Error != "" {
		r.Remarks = append(r.Remarks, "failed: "+t.Error)
	}
	if n := t.Receivers - due(t); n > 0 {
		r.Remarks = append(r.Remarks, units.Counted(n, "receiver")+" excused")
	}
	if t.Straggler != "" {
		r.Remarks = append(r.Remarks, t.Straggler)
	}
	for _, f := range t.Faults {
		r.Remarks = append(r.Remarks, "fault: "+f.Fault)
	}
}
