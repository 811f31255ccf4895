package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// Check looks what is in the way of bringing a file of so many bytes from the
// first of the nodes, or from this machine, to all others, and returns that in
// sentences.
func (c *Crew) Check(ctx context.Context, nodes []Remote, fromHere bool, bytes int64) (problems []string) {
	lacks, narrow := make([]string, len(nodes)), make([]string, len(nodes))
	each(nodes, func(i int, m Remote) { lacks[i], narrow[i] = c.lack(ctx, m, bytes) })
	if narrow = slices.DeleteFunc(narrow, isNothing); len(narrow) > 0 {
		c.seen.Note("large packets may be cut, or lost: the MTU is less than the usual %d at %s", usualMTU, readable.List(narrow, 8))
	}
	source, program, at, from := nodes[0].Name, nodes[0].Program, nodes[0].Address.String(), 0
	if fromHere {
		source, program, at, from = "this machine", c.wanted.Program, c.Host(), len(nodes)
	}
	for i, m := range nodes {
		if m.Program != program {
			lacks[i] = fmt.Sprintf("%s runs starmesh %s, and %s runs %s", m.Name, m.Program, source, program)
		}
	}
	problems = slices.DeleteFunc(lacks, isNothing)
	matrix, err := c.matrix(ctx, nodes, fromHere)
	if err != nil {
		return append(problems, err.Error())
	}
	c.seen.Event("reach", map[string]any{"nodes": names(nodes), "reached": matrix})
	for i, m := range nodes {
		if !matrix[i][from] && i != from {
			problems = append(problems, fmt.Sprintf("%s does not reach %s at %s, from which the file comes", m.Name, source, at))
		}
	}
	c.tellApart(nodes, matrix, from)
	return problems
}

// tellApart tells which nodes do not reach each other, besides the one from which
// the file comes.
func (c *Crew) tellApart(nodes []Remote, matrix [][]bool, from int) {
	var hidden []string // from all others
	for k, m := range nodes {
		reached := func(row []bool) bool { return row[k] }
		if k != from && len(nodes) > 1 && !slices.ContainsFunc(slices.Delete(slices.Clone(matrix), k, k+1), reached) {
			hidden = append(hidden, m.Name)
		}
	}
	if len(hidden) > 0 {
		c.seen.Note("no other node reaches %s: a NAT or a firewall is between them, and what connects them is only what they open themselves", readable.List(hidden, 8))
	}
	for i, m := range nodes {
		var missed []string
		for k, other := range nodes {
			if !matrix[i][k] && k != i && k != from && !slices.Contains(hidden, other.Name) {
				missed = append(missed, other.Name)
			}
		}
		if len(missed) > 0 {
			c.seen.Note("%s does not reach %s", m.Name, readable.List(missed, 8))
		}
	}
}

// A clock that is further from the manager's is wrong, or cannot be compared
// well enough.
const (
	maxOffset = time.Second
	maxError  = 50 * time.Millisecond
	apart     = time.Hour + time.Second // by which libp2p's certificates are not valid yet
)

func isNothing(text string) bool { return text == "" }

// lack says what is in the way at one node, and its MTU if that is small; "" if
// nothing is.
func (c *Crew) lack(ctx context.Context, m Remote, bytes int64) (lack, narrow string) {
	about, err := m.About(ctx)
	if err != nil {
		return err.Error(), ""
	}
	if about.MTU > 0 && about.MTU < usualMTU {
		narrow = fmt.Sprintf("%s (%d)", m.Name, about.MTU)
	}
	switch clock, err := m.Clock(ctx); {
	case err != nil:
		return err.Error(), narrow
	case clock.Offset.Abs() > apart:
		c.seen.Warn("%s: its clock is %+.1f hours from the one here: with more than one, no node of a mesh takes the other's certificate; set it", m.Name, clock.Offset.Hours())
	case clock.Offset.Abs() > maxOffset:
		c.seen.Warn("%s: its clock is %+.1f s from the one here: that is corrected, but better set it", m.Name, clock.Offset.Seconds())
	case clock.Error > maxError:
		c.seen.Warn("%s: its clock can be told only to within %s: times between machines are no better", m.Name, units.Duration(clock.Error))
	}
	if about.DiskBytes > 0 && about.DiskBytes < bytes {
		return fmt.Sprintf("%s has %s free, less than the file of %s", m.Name, units.Bytes(about.DiskBytes), units.Bytes(bytes)), narrow
	}
	return "", narrow
}

const usualMTU = 1500 // bytes, of Ethernet
