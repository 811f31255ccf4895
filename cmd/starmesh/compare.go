package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/common/readable"
)

// compareFlags say how a comparison is shown, and what its logs do not tell.
type compareFlags struct {
	links         linkFlags
	csv, markdown bool
	html, results string
	bars          int
}

func newCompare() *cobra.Command {
	f := compareFlags{bars: 40}
	cmd := &cobra.Command{
		Use:   "compare LOG...",
		Short: "Tell from load logs who carried what, and how long it took",
		Long: `compare reads the load logs of nodes (made with --load-log, on any machines) and
tells, for each run and system side by side, how long the file took to reach
everyone, how that compares with the least possible time, who sent how much, and
what it cost. LOG is a file, a folder (all *.jsonl in and below it), or a pattern.

Logs in one folder are of one run; runs one after the other are told apart by
time. Several runs of one system are shown as median (least–most). What a log
does not tell is absent. What is wrong with a log is told with file and line;
a figure that rests on it is marked with "?". The least possible time (bound)
needs to know the links: logs name the --up and --down of their nodes; what they
do not name can be given here.`,
		Example: `  starmesh compare results/compare
  starmesh compare star/*.jsonl mesh/*.jsonl --html report.html
  starmesh compare logs --origin-up 20mbit --up 20mbit --down 100mbit --markdown`,
		Args: cobra.MinimumNArgs(1),
		RunE: f.compare,
	}
	flags := cmd.Flags()
	f.links.add(cmd)
	flags.BoolVar(&f.csv, "csv", false, "print all figures as CSV")
	flags.BoolVar(&f.markdown, "markdown", false, "print tables in Markdown")
	flags.StringVar(&f.html, "html", "", "write a page with tables and plots to `FILE`; it needs no network")
	flags.StringVar(&f.results, "results", "", "write all runs to `FILE`, as results.json for 'starmesh plan --from'")
	flags.IntVar(&f.bars, "bars", f.bars, "draw bars for `N` nodes of each system at the most; 0 draws none")
	cli.AddFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("json", "csv", "markdown")
	return cmd
}

func (f *compareFlags) compare(cmd *cobra.Command, paths []string) error {
	if f.bars < 0 {
		return cli.Usagef(cmd, "--bars %d: 0 or more", f.bars)
	}
	c, unread := report.ReadLogs(cmd.Context(), paths, f.links.links())
	if cmd.Context().Err() != nil {
		return cmd.Context().Err()
	}
	out := cli.ForCommand(cmd)
	sayFindings(out, c.Findings)
	if len(c.Cases) == 0 {
		return errors.Join(unread, errors.New("nothing to compare: no load log could be read"))
	}
	if err := f.show(cmd.OutOrStdout(), out, c); err != nil {
		return errors.Join(unread, err)
	}
	if err := f.save(out, c); err != nil {
		return errors.Join(unread, err)
	}
	if leftOut := c.LeftOut(); unread == nil && leftOut > 0 {
		return fmt.Errorf("%d of the logs were left out, as told above", leftOut)
	}
	return unread
}

// sayFindings tells what is wrong with logs.
func sayFindings(out *cli.Output, findings []runlogs.Finding) {
	for _, f := range findings {
		out.Event("problem", f)
		if out.Mode() != cli.JSON {
			out.Warn("%s", readable.Text(f.String()))
		}
	}
}

// show prints the comparison as the flags want it.
func (f *compareFlags) show(w io.Writer, out *cli.Output, c *report.Logs) error {
	switch {
	case out.Mode() == cli.JSON:
		for _, r := range c.Reports {
			out.Event("run", r)
		}
		for _, s := range c.Cases {
			out.Event("case", s)
		}
		return nil
	case f.csv:
		return report.CSV(w, c.Cases)
	case f.markdown:
		return c.Markdown(w)
	}
	return c.Text(w, cli.Width(w), f.bars)
}

// save writes the files the flags ask for.
func (f *compareFlags) save(out *cli.Output, c *report.Logs) error {
	program := cli.ThisBuild().Version
	if f.results != "" {
		document := metrics.NewDocument(program, time.Now(), c.Reports)
		if err := fileerr.Write(f.results, document.Write); err != nil {
			return err
		}
		out.Note("results: %s", f.results)
	}
	if f.html != "" {
		page := c.Page(time.Now(), program, os.Args)
		if err := fileerr.Write(f.html, page.Write); err != nil {
			return err
		}
		out.Note("page: %s", f.html)
	}
	return nil
}
