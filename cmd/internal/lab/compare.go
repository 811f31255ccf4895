package lab

import (
	"context"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
)

// Comparison is what load logs tell, whoever wrote them.
type Comparison struct {
	Runs     []*runlogs.Run
	Reports  []*metrics.Report // of Runs
	Cases    []*metrics.Case   // Reports side by side
	Findings []runlogs.Finding
}

// Compare reads the load logs at paths and computes all figures. links are for
// nodes whose logs do not name their limits. An error is about paths that could
// not be read; the Comparison is of the others.
func Compare(ctx context.Context, paths []string, links runlogs.Links) (*Comparison, error) {
	nodes, findings, unread := runlogs.Read(ctx, paths)
	runs, more := runlogs.Runs(nodes, links, system.All())
	c := &Comparison{Runs: runs, Findings: append(findings, more...)}
	for _, r := range runs {
		c.Reports = append(c.Reports, metrics.Compute(&r.Run))
	}
	c.Cases = metrics.Compare(c.Reports)
	return c, unread
}

// LeftOut is how many logs could not be used.
func (c *Comparison) LeftOut() int {
	count := 0
	for _, f := range c.Findings {
		if f.LeftOut {
			count++
		}
	}
	return count
}
