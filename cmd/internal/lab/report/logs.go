package report

import (
	"context"
	"fmt"
	"io"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
)

// Logs is what load logs tell, whoever wrote them.
type Logs struct {
	Runs     []*runlogs.Run
	Reports  []*metrics.Report // of Runs
	Cases    []*metrics.Case   // Reports side by side
	Findings []runlogs.Finding
}

// ReadLogs reads the load logs at paths and computes all figures. links are for
// nodes whose logs do not name their limits. An error is about paths that could
// not be read; the Logs are of the others.
func ReadLogs(ctx context.Context, paths []string, links runlogs.Links) (*Logs, error) {
	l := &Logs{}
	nodes, findings, unread := runlogs.Read(ctx, paths)
	l.add(nodes, findings, links, system.All(), "")
	l.Cases = metrics.Compare(l.Reports)
	return l, unread
}

// add adds the runs of nodes, which are of a set.
func (l *Logs) add(nodes []*runlogs.Node, findings []runlogs.Finding, links runlogs.Links, systems system.Table, set string) {
	runs, more := runlogs.Runs(nodes, links, systems)
	for _, r := range runs {
		r.Set = set
		l.Reports = append(l.Reports, metrics.Compute(&r.Run))
	}
	l.Runs = append(l.Runs, runs...)
	l.Findings = append(append(l.Findings, findings...), more...)
}

// LeftOut is how many logs could not be used.
func (l *Logs) LeftOut() int {
	count := 0
	for _, f := range l.Findings {
		if f.LeftOut {
			count++
		}
	}
	return count
}

// Page makes a page of the logs.
func (l *Logs) Page(made time.Time, program string, command []string) *Page {
	p := &Page{Made: made, Program: "starmesh " + program, Command: command, Cases: l.Cases, Runs: l.Runs}
	for _, f := range l.Findings {
		p.Findings = append(p.Findings, f.String())
	}
	return p
}

// Text writes the tables of all cases in width columns, and draws bars for so
// many nodes of each system at the most.
func (l *Logs) Text(w io.Writer, width, bars int) error {
	for _, cs := range l.Cases {
		g := GridOf(cs)
		if err := g.Text(w, width); err != nil {
			return err
		}
		fmt.Fprintln(w)
		if bars == 0 {
			continue
		}
		if err := Bars(w, cs, width, bars); err != nil {
			return err
		}
	}
	return nil
}

// Markdown writes the tables of all cases.
func (l *Logs) Markdown(w io.Writer) error {
	for _, cs := range l.Cases {
		g := GridOf(cs)
		if err := g.Markdown(w); err != nil {
			return err
		}
	}
	return nil
}
