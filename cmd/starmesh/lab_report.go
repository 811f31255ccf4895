package main

import (
	"errors"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab"
	"starmesh/cmd/internal/lab/report"
	"starmesh/common/readable"
)

// reportFlags say how a report is made.
type reportFlags struct {
	out    string
	labels []string
	links  linkFlags
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
	f.links.add(cmd)
	cli.AddFlags(cmd)
	return cmd
}

// overlayDir is where a report of several folders goes: into none of them.
const overlayDir = "results/report"

func (f *reportFlags) report(cmd *cobra.Command, dirs []string) error {
	if len(f.labels) > len(dirs) {
		return cli.Usagef(cmd, "--labels has names for %d of the folders, but there are %d", len(f.labels), len(dirs))
	}
	out := f.out
	if out == "" && len(dirs) > 1 {
		out = overlayDir
	}
	made, err := lab.Report(cmd.Context(), report.Options{Dirs: dirs, Labels: f.labels, Out: out, Links: f.links.links()}, thisProgram())
	said := cli.ForCommand(cmd)
	if made != nil {
		sayReport(said, made)
	}
	for _, dir := range dirs {
		err = errors.Join(err, lab.TidyUp(dir, labOutput{said}))
	}
	return err
}

// sayReport says what the report says and where it is.
func sayReport(out *cli.Output, made *report.Result) {
	sayFindings(out, made.Findings)
	for _, note := range made.Notes {
		out.Note("%s", readable.Text(note))
	}
	for _, s := range made.Sentences {
		out.Note("%s", readable.Text(s))
	}
	out.Event("report", map[string]any{"report": made.Page, "headline": made.Headline, "files": len(made.Files)})
	out.Note("report: %s", made.Page)
}
