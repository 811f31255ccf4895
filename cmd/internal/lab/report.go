package lab

import (
	"context"
	"errors"
	"time"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
)

// Report makes the report that o asks for, with plots and the runs to be seen
// again. It is nil if nothing could be made; with an error, it lacks something.
func Report(ctx context.Context, o report.Options, by Program) (*report.Result, error) {
	o.Program, o.Command, o.Made = by.Version, by.Command, time.Now()
	o.Replay = func(dir string, times map[string]float64) (*report.Replay, error) {
		return replay(dir, o.Systems, times)
	}
	made, err := report.Make(ctx, o)
	if made != nil {
		err = errors.Join(err, made.Pictures())
	}
	return made, err
}

// replay makes the block of a report that shows the runs again.
func replay(dir string, systems system.Table, times map[string]float64) (*report.Replay, error) {
	style, body, script, err := dashboard.Replay(dir, systems, times)
	if err != nil || body == "" {
		return nil, err
	}
	return &report.Replay{Style: style, Body: body, Script: script}, nil
}

// TidyUp removes what the lab in dir needed only while it ran, if its process
// was killed: nobody else would.
func TidyUp(dir string, seen Observer) error {
	if labdir.LookAtScratch(dir) == labdir.Held {
		seen.Note("%s: a lab runs there; this is what it has measured so far", dir)
		return nil
	}
	bytes, err := labdir.ClearScratch(dir)
	if bytes > 0 {
		seen.Event("tidied", map[string]any{"dir": dir, "bytes": bytes})
		seen.Note("%s: its lab was killed; removed what that needed only while it ran, and the copies that receivers had (%s)", dir, units.Bytes(bytes))
	}
	return err
}
