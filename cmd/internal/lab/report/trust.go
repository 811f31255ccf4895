package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// trust is what should keep the reader from believing too much.
type trust struct {
	Doubts  []string // this run: what is not to be trusted
	Missing []string // this run: what is not there
	Logs    []string // what was wrong with the logs
	Limits  []string // of the method
}

// Trust tells how far the page can be trusted.
func (v *view) Trust() trust {
	return trust{Doubts: v.doubts(), Missing: v.missing(), Logs: v.Findings, Limits: v.limits()}
}

// lines are the texts, each with the runs of which it is true.
func (g *gathered) lines() []string {
	var lines []string
	for _, text := range g.texts {
		if names := readable.List(g.about[text], 4); names != "" {
			text += " (" + names + ")"
		}
		lines = append(lines, text)
	}
	return lines
}

// doubts are reasons not to trust what is shown.
func (v *view) doubts() []string {
	g := &gathered{}
	for _, f := range v.Folders {
		if f.Lab != nil && f.Lab.Machine.Busy() {
			g.add(fmt.Sprintf("the machine was %.0f %% busy with something else before the first run", 100*f.Lab.Machine.LoadBefore), f.Set)
		}
	}
	logged := v.logged()
	for _, r := range v.records() {
		judge(g, r)
		if !logged[r] { // else they are doubts of the run
			noted(g, r)
		}
	}
	for _, cs := range v.Cases {
		for _, w := range cs.Warnings {
			g.add(w, "to "+units.Counted(cs.Receivers, "receiver"))
		}
	}
	for _, run := range v.all() {
		for _, d := range run.Doubts {
			g.add(d.Text, v.short(run))
		}
	}
	return g.lines()
}

// judge adds what no log tells of a run.
func judge(g *gathered, t *labdir.Run) {
	for _, f := range t.Faults {
		if !f.Met {
			g.add(fmt.Sprintf("the fault %s did not end as foretold: %s", f.Fault, f.Found), t.Name)
		}
	}
	if due := due(t); t.Error == "" && t.Verified < due {
		g.add(fmt.Sprintf("only %d of the %d receivers that were to get the file hold it byte for byte", t.Verified, due), t.Name)
	}
}

// noted adds what the lab itself found doubtful.
func noted(g *gathered, t *labdir.Run) {
	for _, d := range t.Doubts {
		g.add(d, t.Name)
	}
	if t.CPU.Limit {
		g.add(cmp.Or(t.CPU.Why, "the processors were the limit, not the links"), t.Name)
	}
}

// due is how many receivers were to get the file.
func due(t *labdir.Run) int {
	n := t.Receivers
	for i := range t.Nodes {
		if t.Nodes[i].Excused != "" {
			n--
		}
	}
	return n
}

// logged returns which runs have load logs.
func (v *view) logged() map[*labdir.Run]bool {
	all := make(map[*labdir.Run]bool)
	for _, run := range v.all() {
		if r := v.record(run); r != nil {
			all[r] = true
		}
	}
	return all
}

// missing returns what was to be there and is not.
func (v *view) missing() []string {
	g, logged := &gathered{}, v.logged()
	for _, f := range v.Folders {
		for _, note := range f.Notes {
			g.add(note, f.Set)
		}
		if f.Lab != nil {
			unfinished(g, f)
		}
		for _, r := range f.Runs {
			if r.Error != "" && !logged[r] {
				g.add("a run failed: "+r.Error, r.Name)
			}
		}
	}
	for _, run := range v.all() {
		if f := run.Figure(metrics.Distribution); f != nil && f.Value == nil {
			g.add(f.Absent, v.short(run))
		}
	}
	return g.lines()
}

// unfinished tells which runs were asked for and never made.
func unfinished(g *gathered, f *Folder) {
	if f.Lab.Stopped != "" {
		g.add("the lab was stopped before its end: "+f.Lab.Stopped, f.Set)
	}
	for _, n := range f.Lab.Receivers {
		for _, system := range f.Lab.Systems {
			for r := 1; r <= f.Lab.Runs; r++ {
				name := labdir.RunName(system, n, r)
				if !slices.ContainsFunc(f.Runs, func(t *labdir.Run) bool { return t.Name == name }) {
					g.add("runs that were asked for and are not there", name)
				}
			}
		}
	}
}

// limits are those of the method: true of every run of this kind.
func (v *view) limits() []string {
	var all []string
	if v.Once() {
		all = append(all, "Every system was run once for each number of receivers: nothing is known of the spread. Use --runs 3 or more.")
	}
	if v.steady() {
		all = append(all, "Only one number of receivers was tried: how times grow with it is not shown.")
	}
	all = append(all, v.linkLimits()...)
	if joined := v.joined(); joined != "" {
		all = append(all, joined)
	} else if hosts := v.hosts(); hosts == 1 {
		all = append(all, "All nodes shared one machine: its processors, memory and disk. On machines of their own, nodes would not be in each other's way, and the network between them would be real.")
	} else if hosts > 1 {
		all = append(all, fmt.Sprintf("The logs come from %d machines: times rest on their clocks being set alike.", hosts))
	}
	if len(v.faulty()) > 0 {
		all = append(all, "A node that a fault kills writes no last report: what it carried and used after its last reading counts nowhere.")
	}
	return append(all,
		"Not measured: jitter and loss on the way, the network between the access links, energy, and what else the machines did meanwhile (but for the share of busy processors, where it is told).",
		"Not counted in any time: hashing the file at the origin before the run. Counted: connecting, finding each other, verifying every chunk and writing it.",
	)
}

// linkLimits returns how real the links were.
func (v *view) linkLimits() []string {
	rate, netns := false, false
	for _, r := range v.records() {
		if r.Nodes != nil && r.Nodes[0].Machine != "" {
			return nil // over a real network: the settings say how
		}
		rate, netns = rate || r.Links == "rate", netns || r.Links == "netns"
	}
	late := ", but no distance"
	if v.delay() > 0 {
		late = ", and a delay that was added (see the links)"
	}
	var all []string
	if rate {
		all = append(all, "The links were the program's own rate limits over the loopback interface: no queue of a router, no loss"+late+"; headers of TCP and IP pass free of charge. A limit lets what 20 ms carry pass at once, so that very short times may lie a little below the bound.")
	}
	if netns {
		all = append(all, "The links were shaped by the kernel between network namespaces of one machine: real packets, real queues and real headers"+late+".")
	}
	if !rate && !netns {
		all = append(all, "How the links were made is not told by load logs; limits named by the nodes themselves are the program's own.")
	}
	return all
}

// joined says how far machines that had joined agree in time; "" if none had.
func (v *view) joined() string {
	machines := make(map[string]bool)
	offset, wrong := 0.0, 0.0
	for _, r := range v.records() {
		for _, n := range r.Nodes {
			if n.Machine != "" {
				machines[n.Machine] = true
				offset, wrong = max(offset, math.Abs(n.ClockOffset)), max(wrong, n.ClockError)
			}
		}
	}
	if len(machines) == 0 {
		return ""
	}
	return fmt.Sprintf("The nodes were on %s that had joined. Before each run their clocks were compared with the manager's, from which they were up to %s away, and corrected. "+
		"That may be wrong by %s at the most, and by twice that between two machines.", units.Counted(len(machines), "machine"), units.Seconds(offset), units.Seconds(wrong))
}

// Once reports that nothing was repeated.
func (v *view) Once() bool {
	for s := range v.all() {
		if len(s.Runs) > 1 {
			return false
		}
	}
	return len(v.Cases) > 0
}

func (v *view) steady() bool {
	return len(v.Cases) > 0 && !slices.ContainsFunc(v.Cases, func(cs *metrics.Case) bool { return cs.Receivers != v.Cases[0].Receivers })
}

// hosts counts the machines that logs name.
func (v *view) hosts() int {
	seen := make(map[string]bool)
	for _, r := range v.Runs {
		for _, n := range r.Logs {
			seen[n.Host] = true
		}
	}
	return len(seen)
}
