package main

import (
	"context"
	"errors"
	"fmt"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
)

// mostBars is how many nodes of each system are drawn.
const mostBars = 20

// finish makes the report of what was measured. failed is how the trials ended.
func (l *lab) finish(ctx context.Context, failed error) error {
	switch {
	case errors.Is(failed, context.Canceled):
		l.book.Stopped = "stopped by the user"
	case failed != nil && !errors.Is(failed, errTrials):
		l.book.Stopped = failed.Error()
	}
	if err := l.book.Save(l.dir); err != nil {
		return errors.Join(failed, err)
	}
	if ctx.Err() != nil {
		return failed
	}
	made, err := makeReport(ctx, report.Options{Dirs: []string{l.dir}})
	if made == nil {
		return errors.Join(failed, err)
	}
	err = errors.Join(failed, err, l.show(made.Scenes))
	tellReport(l.out, made)
	return err
}

// show prints what was measured.
func (l *lab) show(scenes []metrics.Case) error {
	if l.out.Mode() == cli.JSON {
		for _, s := range scenes {
			l.out.Event("scene", s)
		}
		return nil
	}
	width := terminalWidth(l.stdout)
	l.out.Note("%s", "")
	summary := report.Summary(scenes)
	if err := summary.Text(l.stdout, width); err != nil || len(scenes) == 0 {
		return err
	}
	fmt.Fprintln(l.stdout)
	// The largest shows best who carries the load.
	return report.Bars(l.stdout, &scenes[len(scenes)-1], width, mostBars)
}
