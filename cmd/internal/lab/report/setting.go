package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/units"
)

// A fact is a name and what is known under it.
type fact struct {
	Name string
	Text []string
	Code bool // the text is a command line
}

// Setting tells of links, machine, versions and command lines.
func (v *view) Setting() []fact {
	var all []fact
	if links := v.links(); len(links) > 0 {
		all = append(all, fact{Name: "links", Text: links})
	}
	for _, f := range v.Folders {
		all = append(all, f.facts()...)
	}
	if !slices.ContainsFunc(v.Folders, func(f *Folder) bool { return f.Lab != nil }) {
		all = append(all, v.factsOfLogs()...)
	}
	return all
}

// facts are what lab.json tells.
func (f *Folder) facts() []fact {
	suffix := ""
	if f.Set != "" {
		suffix = " (" + f.Set + ")"
	}
	all := []fact{{Name: "folder" + suffix, Text: []string{f.Dir}}}
	if f.Lab == nil {
		return all
	}
	l := f.Lab
	all = append(all,
		fact{Name: "experiment" + suffix, Text: []string{asked(l)}},
		fact{Name: "began" + suffix, Text: []string{l.Began.UTC().Format(time.DateTime + " MST")}},
		fact{Name: "machine" + suffix, Text: []string{machine(&l.Machine)}},
		fact{Name: "program" + suffix, Text: []string{"starmesh " + l.Program + ", " + l.Machine.GoVersion}},
		fact{Name: "command line" + suffix, Text: []string{commandLine(l.Command)}, Code: true},
		fact{Name: "seed" + suffix, Text: []string{fmt.Sprint(l.Seed)}},
		fact{Name: "file" + suffix, Text: []string{fmt.Sprintf("%s, %s, BLAKE3 %s", l.FileName, units.Counted(int(l.FileBytes), "byte"), l.FileID)}},
	)
	return all
}

// asked says what the lab was to do.
func asked(l *labdir.Lab) string {
	text := fmt.Sprintf("%s to N = %s, %s each, over links of kind %q", strings.Join(l.Systems, ", "),
		strings.Trim(strings.ReplaceAll(fmt.Sprint(l.Receivers), " ", ", "), "[]"), units.Counted(l.Runs, "run"), l.Links)
	if len(l.Faults) > 0 {
		text += ", with faults: " + strings.Join(l.Faults, ", ")
	}
	if l.Stopped != "" {
		text += "; stopped early: " + l.Stopped
	}
	return text
}

func machine(m *labdir.Machine) string {
	parts := []string{strings.TrimSpace(m.OS + " " + m.Arch), units.Counted(m.CPUs, "processor")}
	if m.CPU != "" {
		parts[1] += " (" + m.CPU + ")"
	}
	if m.MemoryBytes > 0 {
		parts = append(parts, units.Bytes(m.MemoryBytes)+" of memory")
	}
	parts = append(parts, Value(m.LoadBefore, metrics.Share)+" busy before the first run")
	return strings.Join(parts, ", ")
}

// factsOfLogs returns what the logs say of where they were made.
func (v *view) factsOfLogs() []fact {
	var hosts, versions []string
	var began time.Time
	for _, r := range v.Runs {
		for _, n := range r.Logs {
			host := fmt.Sprintf("%s (%s %s, %s)", cmp.Or(n.Host, "unknown"), n.Last.OS, n.Last.Arch, units.Counted(n.Last.CPUs, "processor"))
			hosts, versions = append(hosts, host), append(versions, "starmesh "+cmp.Or(n.Version, "unknown"))
			if began.IsZero() || n.Start.Before(began) {
				began = n.Start
			}
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	distinct := func(all []string) []string { slices.Sort(all); return slices.Compact(all) }
	return []fact{
		{Name: "machines", Text: distinct(hosts)},
		{Name: "program", Text: distinct(versions)},
		{Name: "first node started", Text: []string{began.UTC().Format(time.DateTime + " MST")}},
	}
}

// links says what each series of the main case ran over, once for those that
// had the same.
func (v *view) links() []string {
	main := v.main()
	if main == nil {
		return nil
	}
	var texts []string
	about := make(map[string][]string)
	for _, s := range main.Series {
		text := v.linksOf(s)
		if text == "" {
			continue
		}
		if about[text] == nil {
			texts = append(texts, text)
		}
		about[text] = append(about[text], s.Label())
	}
	for i, text := range texts {
		names := strings.Join(about[text], ", ")
		if len(texts) == 1 && len(main.Series) > 1 {
			names = "the same for all systems"
		}
		texts[i] = fmt.Sprintf("%s (%s)", text, names)
	}
	return texts
}

func (v *view) linksOf(s *metrics.Series) string {
	typical := s.Typical()
	run := v.run(typical)
	if run == nil {
		return ""
	}
	text := strings.Join(append(limitsOf(run, metrics.Origin, "origin"), limitsOf(run, metrics.Receiver, "receivers")...), "; ")
	if t := v.record(typical); t != nil && t.Links != "" {
		text += "; kind: " + t.Links
		if t.LinksHow != "" {
			text += ": " + strings.TrimSuffix(t.LinksHow, ".")
		}
	}
	return text
}

// limitsOf puts nodes of one part and the same rates together.
func limitsOf(run *runlogs.Run, part metrics.Part, name string) []string {
	var order []string
	count := make(map[string]int)
	for _, n := range run.Nodes {
		if n.Part != part {
			continue
		}
		text := fmt.Sprintf("%s up, %s down", rate(n.Up), rate(n.Down))
		if count[text] == 0 {
			order = append(order, text)
		}
		count[text]++
	}
	var all []string
	for _, text := range order {
		who := name
		if len(order) > 1 {
			who = fmt.Sprintf("%d %s", count[text], name)
		}
		all = append(all, who+" "+text)
	}
	return all
}

func rate(r float64) string {
	if math.IsInf(r, 1) || r <= 0 {
		return "no limit"
	}
	return units.Rate(r).String()
}
