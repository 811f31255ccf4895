package lab

import (
	"context"
	"errors"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/report"
)

// finish makes the report of what was measured. failed is how the runs ended.
func (l *lab) finish(ctx context.Context, failed error) (*report.Result, error) {
	switch {
	case errors.Is(failed, context.Canceled):
		l.book.Stopped = labdir.ByUser
	case failed != nil && !errors.Is(failed, errRuns):
		l.book.Stopped = failed.Error()
	}
	if err := l.book.Save(l.dir); err != nil {
		return nil, errors.Join(failed, err)
	}
	if ctx.Err() != nil {
		return nil, failed
	}
	made, err := Report(ctx, report.Options{Dirs: []string{l.dir}, Systems: l.systems()}, l.Program)
	return made, errors.Join(failed, err)
}
