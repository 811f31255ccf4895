package main

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/evidence"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/page"
	"starmesh/cmd/internal/lab/record"
	"starmesh/cmd/internal/lab/results"
	"starmesh/cmd/internal/lab/tables"
)

// finish makes the report of what was measured. failed is how the trials ended.
func (l *lab) finish(ctx context.Context, failed error) error {
	if failed != nil {
		l.book.Stopped = failed.Error()
		if errors.Is(failed, context.Canceled) {
			l.book.Stopped = "stopped by the user"
		}
	}
	if err := l.save(); err != nil {
		return errors.Join(failed, err)
	}
	if ctx.Err() != nil {
		return failed
	}
	return errors.Join(failed, l.report(ctx))
}

// report writes results and page, and prints the tables.
func (l *lab) report(ctx context.Context) error {
	nodes, findings, err := evidence.Read(ctx, []string{l.dir})
	if err != nil {
		return err
	}
	runs, more := evidence.Runs(nodes, evidence.Links{})
	report := page.Page{Made: time.Now(), Program: "starmesh " + l.book.Program, Command: l.book.Command, Runs: runs}
	for _, f := range append(findings, more...) {
		l.out.Warn("%s", printableName(f.String()))
		report.Findings = append(report.Findings, f.String())
	}
	var reports []figures.Report
	for i := range runs {
		reports = append(reports, figures.Of(&runs[i].Run))
	}
	report.Scenes = comparison.Of(reports)
	if err := saveWhole(filepath.Join(l.dir, results.Name), results.New(l.book.Program, time.Now(), reports).Write); err != nil {
		return err
	}
	if err := saveWhole(filepath.Join(l.dir, record.ReportFile), report.Write); err != nil {
		return err
	}
	return l.show(report.Scenes, filepath.Join(l.dir, record.ReportFile))
}

// show prints what was measured, and where the rest of it is.
func (l *lab) show(scenes []comparison.Scene, report string) error {
	if l.out.Mode() == cli.JSON {
		for _, s := range scenes {
			l.out.Event("scene", s)
		}
		l.out.Event("report", map[string]string{"file": report, "dir": l.dir})
		return nil
	}
	l.out.Note("")
	width := terminalWidth(l.stdout)
	summary := tables.Summary(scenes)
	if err := summary.Text(l.stdout, width); err != nil {
		return err
	}
	if len(scenes) > 0 { // the largest shows best who carries the load
		if err := tables.Bars(l.stdout, &scenes[len(scenes)-1], width, mostBars); err != nil {
			return err
		}
	}
	l.out.Note("all figures, plots and how each is defined: %s", report)
	return nil
}

// mostBars is how many nodes of each system are drawn.
const mostBars = 20
