package report

import (
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
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
func (p *Page) short(r *metrics.Report) string {
	for i := range p.Folders {
		f := &p.Folders[i]
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

// runRows lists every run: what medians are made of.
func (p *Page) runRows() []runRow {
	var rows []runRow
	told := make(map[*labdir.Run]bool)
	for i := range p.Cases {
		for j := range p.Cases[i].Series {
			series := &p.Cases[i].Series[j]
			for k := range series.Runs {
				run := &series.Runs[k]
				row := rowOf(series.Label(), run)
				row.Name = p.short(run)
				if record := p.record(run); record != nil {
					told[record] = true
					row.note(record)
				}
				rows = append(rows, row)
			}
		}
	}
	for i := range p.Folders {
		f := &p.Folders[i]
		for j := range f.Runs {
			if t := &f.Runs[j]; !told[t] {
				row := runRow{Name: t.Name, System: t.System, Receivers: t.Receivers, Time: table.Missing, Multiple: table.Missing,
					Copies: table.Missing, Remarks: []string{"its load logs are missing"}}
				row.note(t)
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func rowOf(label string, run *metrics.Report) runRow {
	value := func(key metrics.Key, suffix string) string {
		v, ok := run.Value(key)
		if !ok {
			return table.Missing
		}
		d, _ := metrics.Define(key)
		return Value(v, d.Unit) + suffix
	}
	row := runRow{
		System: label, Receivers: run.Receivers, Verified: table.Missing, Busy: table.Missing,
		Time: value(metrics.Distribution, ""), Multiple: value(metrics.BoundMultiple, ""), Copies: value(metrics.OriginCopies, ""),
	}
	if f := run.Figure(metrics.Distribution); f != nil && f.Value == nil {
		row.Remarks = append(row.Remarks, f.Absent)
	}
	if len(run.Doubts) > 0 {
		row.Remarks = append(row.Remarks, counted(len(run.Doubts), "doubt", "doubts")+", told at the end")
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
		r.Remarks = append(r.Remarks, counted(n, "receiver", "receivers")+" excused")
	}
	for _, f := range t.Faults {
		r.Remarks = append(r.Remarks, "fault: "+f.Fault)
	}
}
