package report

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
)

//go:embed page.html
var source string

//go:embed page.css
var style string

// A Page is what the page tells.
type Page struct {
	Made     time.Time
	Program  string
	Command  []string // that made the page
	Cases    []*metrics.Case
	Runs     []*runlogs.Run // for plots over time
	Findings []string       // what was wrong with the logs
	Folders  []*Folder      // of lab runs; none when logs alone are compared
	Replay   *Replay        // nil: nothing to replay
	Systems  system.Table   // of which the page has colours
}

// A Folder is what lies in the folder of a lab run beside the load logs.
type Folder struct {
	Set  string // as in metrics.Head; "" when there is only one folder
	Dir  string
	Lab  *labdir.Lab // nil: there is no lab.json
	Runs []*labdir.Run
	// Notes tell what is missing or cannot be read.
	Notes []string
}

// view is the page as its template wants it: its exported methods are what
// stands there.
type view struct {
	*Page
	plots []Plot
}

func (p *Page) view() *view {
	v := &view{Page: p}
	v.plots = v.draw()
	return v
}

// Sentences says all that stands at the head of the page: the headline first.
func (p *Page) Sentences() []string { return p.view().Lead() }

// A caseView is one case with its plots in groups.
type caseView struct {
	Grid   table.Table
	Groups []group
	Nodes  []nodesView
}

// A group of plots stands under one heading.
type group struct {
	ID, Title, Text string
	Plots           []figure
}

// A figure is a plot as it stands in the page.
type figure struct {
	group   string
	Caption string
	SVG     template.HTML
}

// Write writes the page to w.
func (p *Page) Write(w io.Writer) error { return p.view().write(w) }

func (v *view) write(w io.Writer) error {
	t, err := template.New("page").Funcs(functions()).Parse(source)
	if err == nil {
		err = v.replay().check()
	}
	if err == nil {
		err = t.Execute(w, v)
	}
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

func functions() template.FuncMap {
	return template.FuncMap{
		"value": optional,
		"bytes": func(n int64) string { return Value(float64(n), metrics.Bytes) },
		"share": func(x float64) string { return Value(x, metrics.Share) },
		"memory": func(n *int64) string {
			if n == nil {
				return table.Missing
			}
			return Value(float64(*n), metrics.Bytes)
		},
		"first":   func(i int) bool { return i == 0 },
		"cell":    spread,
		"bound":   bound,
		"even":    func(n int) bool { return n%2 == 0 },
		"command": commandLine,
	}
}

// A spreadCell is a cell in two parts, between which a line may end.
type spreadCell struct{ Value, Spread string }

// spread takes a cell apart before what stands behind its value.
func spread(cell string) spreadCell {
	if at := strings.Index(cell, " ("); at > 0 {
		return spreadCell{cell[:at], cell[at+1:]}
	}
	return spreadCell{Value: cell}
}

// bound keeps numbers and their units on one line.
func bound(text string) string {
	return measures.ReplaceAllString(text, "$1\u00a0$2$3")
}

var measures = regexp.MustCompile(`(\d) (?:(ms|s|B|[KMGT]iB)\b|(%))`)

func optional(seconds *float64) string {
	if seconds == nil {
		return table.Missing
	}
	return Value(*seconds, metrics.Seconds)
}

// replay is an empty one where there is nothing to replay.
func (v *view) replay() *Replay { return cmp.Or(v.Replay, new(Replay)) }

// Style is all styles of the page. It, Policy, Script and Body are only what is
// known to be harmless.
func (v *view) Style() template.HTML {
	text := "<style>\n" + variables(v.Systems) + style + dots(v.Systems) + "</style>"
	if v.Replay != nil {
		text += "<style>\n" + v.Replay.Style + "</style>"
	}
	return template.HTML(text)
}

// Policy forbids the page everything but its own.
func (v *view) Policy() template.HTML {
	return template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy(v.replay().Script) + `">`)
}

// Script is the replay's.
func (v *view) Script() template.HTML {
	if v.Replay == nil {
		return ""
	}
	return template.HTML("<script>" + v.Replay.Script + "</script>")
}

// Body is the replay's.
func (v *view) Body() template.HTML { return template.HTML(v.replay().Body) }

// Definitions are of all figures.
func (v *view) Definitions() []metrics.Definition { return metrics.Catalog() }

// Over has the plots over the number of receivers.
func (v *view) Over() ([]figure, error) { return v.figuresOf(nil) }

// figuresOf are the plots of a case; nil: of several.
func (v *view) figuresOf(cs *metrics.Case) (all []figure, err error) {
	palette := charts.Palette(v.Systems)
	for _, p := range v.plots {
		if p.of == cs && err == nil {
			var f figure
			f, err = p.figure(palette)
			all = append(all, f)
		}
	}
	return all, err
}

// Main is the case that is shown in full.
func (v *view) Main() (*caseView, error) {
	if main := v.main(); main != nil {
		return v.caseView(main)
	}
	return nil, nil
}

// Others are the other cases.
func (v *view) Others() (all []*caseView, err error) {
	for _, cs := range v.Cases {
		if cs == v.main() || err != nil {
			continue
		}
		var one *caseView
		one, err = v.caseView(cs)
		all = append(all, one)
	}
	return all, err
}

func (v *view) caseView(cs *metrics.Case) (*caseView, error) {
	figures, err := v.figuresOf(cs)
	s := &caseView{Grid: GridOf(cs), Nodes: v.nodes(cs)}
	for _, f := range figures {
		if n := len(s.Groups); n == 0 || s.Groups[n-1].ID != f.group {
			s.Groups = append(s.Groups, v.group(f.group))
		}
		g := &s.Groups[len(s.Groups)-1]
		g.Plots = append(g.Plots, f)
	}
	return s, err
}

// group begins a group of plots. Of the spread over runs is spoken only if there
// are several.
func (v *view) group(id string) group {
	of := groups[id]
	g := group{ID: id, Title: of.title, Text: of.text}
	if strings.Contains(g.Text, "%s") {
		g.Text = fmt.Sprintf(g.Text, levels(systemsOf(v.Cases)))
	}
	if !v.Once() {
		g.Text += of.several
	}
	return g
}

// levels says how even a picture of who sent how much is.
func levels(systems system.Table) string {
	var all []string
	for _, s := range systems {
		if level := s.Head().Words.Level; !slices.Contains(all, level) {
			all = append(all, level)
		}
	}
	return strings.Join(all, ", ")
}

// main is the case that is shown in full: the largest file to most receivers
// and, of as many, by most systems; nil if there is none.
func (v *view) main() *metrics.Case {
	if len(v.Cases) == 0 {
		return nil
	}
	return slices.MaxFunc(v.Cases, func(a, b *metrics.Case) int {
		return cmp.Or(cmp.Compare(a.FileBytes, b.FileBytes), cmp.Compare(a.Receivers, b.Receivers), cmp.Compare(len(a.Series), len(b.Series)))
	})
}

// commandLine writes arguments as a shell takes them.
func commandLine(args []string) string {
	quoted := make([]string, 0, len(args))
	for _, a := range args {
		if a == "" || strings.ContainsAny(a, " \t\n'\"\\$&|;<>()*?[]#~`!{}") {
			a = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
		quoted = append(quoted, a)
	}
	return strings.Join(quoted, " ")
}
