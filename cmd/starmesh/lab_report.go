package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
)

// reportFlags say how a report is made.
type reportFlags struct {
	out                string
	labels             []string
	originUp, up, down units.Rate
}

func newLabReport() *cobra.Command {
	var f reportFlags
	cmd := &cobra.Command{
		Use:   "report DIR...",
		Short: "Make the report of a lab run again from its logs",
		Long: `report makes results.json, results.csv, results.md, the plots and report.html of a
folder again from the load logs in it. The folder is one of 'lab run', or any with
load logs (*.jsonl): what the lab noted beside them is used where it is there. If
that lab was killed, what it needed only while it ran is removed.

Of several folders one report is made, in which the runs of each stand beside
those of the others (A, B, …, or as --labels say), for a before and after. It is
written into --out, and without it into the current folder's results/report.`,
		Example: `  starmesh lab report results/lab
  starmesh lab report results/before results/after --labels before,after --out results/change`,
		Args: cobra.MinimumNArgs(1),
		RunE: f.report,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.out, "out", "", "write into `DIR` (default: the folder itself)")
	flags.StringSliceVar(&f.labels, "labels", nil, "`NAME,NAME…` of the folders, in their order")
	flags.Var(&f.originUp, "origin-up", "the origin's uplink, if its log does not name it, such as 20mbit")
	flags.Var(&f.up, "up", "the receivers' uplinks, if their logs do not name them")
	flags.Var(&f.down, "down", "the receivers' downlinks, if their logs do not name them")
	cli.AddFlags(cmd)
	return cmd
}

// overlayDir is where a report of several folders goes: into none of them.
const overlayDir = "results/report"

func (f *reportFlags) report(cmd *cobra.Command, dirs []string) error {
	if len(f.labels) > len(dirs) {
		return cli.Usagef(cmd, "--labels names %d folders, but there are %d", len(f.labels), len(dirs))
	}
	out := f.out
	if out == "" && len(dirs) > 1 {
		out = overlayDir
	}
	links := runlogs.Links{OriginUp: float64(f.originUp), Up: float64(f.up), Down: float64(f.down)}
	made, err := makeReport(cmd.Context(), report.Options{Dirs: dirs, Labels: f.labels, Out: out, Links: links})
	said := cli.ForCommand(cmd)
	if made != nil {
		tellReport(said, made)
	}
	for _, dir := range dirs {
		err = errors.Join(err, tidyUp(said, dir))
	}
	return err
}

// tidyUp removes what a lab needed only while it ran, if its process was
// killed: nobody else would.
func tidyUp(out *cli.Output, dir string) error {
	if labdir.LookAtScratch(dir) == labdir.Held {
		out.Note("%s: a lab runs there; this is what it has measured so far", dir)
		return nil
	}
	bytes, err := labdir.ClearScratch(dir)
	if bytes > 0 {
		out.Event("tidied", map[string]any{"dir": dir, "bytes": bytes})
		out.Note("%s: its lab was killed; removed what that needed only while it ran, and the copies that receivers had (%s)", dir, units.Bytes(bytes))
	}
	return err
}

// makeReport makes a report, to which it adds what only the program knows.
func makeReport(ctx context.Context, o report.Options) (*report.Result, error) {
	o.Program = thisBuild().Version
	o.Command = load.WithoutSecrets(os.Args)
	o.Made = time.Now()
	o.Replay = replayOf
	made, err := report.Make(ctx, o)
	if made != nil {
		err = errors.Join(err, made.Pictures())
	}
	return made, err
}

// replayOf makes the block of the report that shows the runs again.
func replayOf(dir string) (*report.Replay, error) {
	style, body, script, err := dashboard.Replay(dir)
	if err != nil || body == "" {
		return nil, err
	}
	return &report.Replay{Style: style, Body: body, Script: script}, nil
}

// tellReport says what the report says and where it is.
func tellReport(out *cli.Output, made *report.Result) {
	for _, f := range made.Findings {
		out.Event("problem", f)
		if out.Mode() != cli.JSON {
			out.Warn("%s", units.Printable(f.String()))
		}
	}
	for _, note := range made.Notes {
		out.Note("%s", units.Printable(note))
	}
	for _, s := range made.Sentences {
		out.Note("%s", units.Printable(s))
	}
	out.Event("report", map[string]any{"report": made.Page, "headline": made.Headline, "files": len(made.Files)})
	out.Note("report: %s", made.Page)
}
