package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"regexp"
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
	Cases    []metrics.Case
	Runs     []runlogs.Run // for plots over time
	Findings []string      // what was wrong with the logs
	Folders  []Folder      // of lab runs; none when logs alone are compared
	Replay   *Replay       // nil: nothing to replay
	Systems  system.Table  // of which the page has colours
}

// A Folder is what lies in the folder of a lab run beside the load logs.
type Folder struct {
	Set  string // as in metrics.Head; "" when there is only one folder
	Dir  string
	Lab  *labdir.Lab // nil: there is no lab.json
	Runs []labdir.Run
	// Notes tell what is missing or cannot be read.
	Notes []string
}

// view is the page as its template wants it.
type view struct {
	Policy, Style, Script, Body template.HTML
	Made, Program, Command      string
	Title                       string
	Lead                        []string // sentences, the headline first
	Cards                       []card
	Over                        []figure // plots over the number of receivers
	Once                        bool     // nothing was run twice
	Times                       *table.Table
	Change                      *table.Table // between two folders
	Main                        *caseView
	Others                      []caseView
	HTTP                        *httpView
	Faults                      []faultView
	Runs                        []runRow
	Setting                     []fact
	Definitions                 []metrics.Definition
	Trust                       trust
}

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
	Caption string
	SVG     template.HTML
}

// Write writes the page to w.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(functions()).Parse(source)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	v, err := p.view()
	if err != nil {
		return err
	}
	if err := t.Execute(w, v); err != nil {
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
		"first": func(i int) bool { return i == 0 },
		"cell":  spread,
		"bound": bound,
		"even":  func(n int) bool { return n%2 == 0 },
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

func (p *Page) view() (*view, error) {
	v := &view{
		Made: p.Made.Format(time.DateTime + " MST"), Program: p.Program, Command: commandLine(p.Command),
		Title: p.title(), Lead: p.lead(), Cards: p.cards(), Once: p.once(), Times: times(p.Cases, p.once()), Change: change(p.Cases),
		HTTP: p.http(), Faults: p.faults(), Runs: p.runRows(), Setting: p.setting(),
		Definitions: metrics.Catalog(), Trust: p.trust(),
	}
	if err := p.head(v); err != nil {
		return nil, err
	}
	return v, p.illustrate(v)
}

// head sets what only HTML that is known to be harmless may be.
func (p *Page) head(v *view) error {
	v.Style = template.HTML("<style>\n" + variables(p.Systems) + style + dots(p.Systems) + "</style>")
	script := ""
	if p.Replay != nil {
		if err := p.Replay.check(); err != nil {
			return err
		}
		v.Style += template.HTML("<style>\n" + p.Replay.Style + "</style>")
		v.Script = template.HTML("<script>" + p.Replay.Script + "</script>")
		v.Body = template.HTML(p.Replay.Body)
		script = p.Replay.Script
	}
	v.Policy = template.HTML(`<meta http-equiv="Content-Security-Policy" content="` + policy(script) + `">`)
	return nil
}

// illustrate adds the plots, and the tables that go with them.
func (p *Page) illustrate(v *view) error {
	plots, palette := p.plots(), charts.Palette(p.Systems)
	main := p.main()
	for i := range plots {
		if plots[i].of == nil {
			f, err := plots[i].figure(palette)
			if err != nil {
				return err
			}
			v.Over = append(v.Over, f)
		}
	}
	for i := range p.Cases {
		cs := &p.Cases[i]
		s, err := p.caseView(cs, plots, palette)
		if err != nil {
			return err
		}
		if cs == main {
			v.Main = s
		} else {
			v.Others = append(v.Others, *s)
		}
	}
	return nil
}

func (p *Page) caseView(cs *metrics.Case, plots []Plot, palette []charts.Color) (*caseView, error) {
	s := &caseView{Grid: GridOf(cs), Nodes: p.nodes(cs)}
	for i := range plots {
		if plots[i].of != cs {
			continue
		}
		f, err := plots[i].figure(palette)
		if err != nil {
			return nil, err
		}
		if n := len(s.Groups); n == 0 || s.Groups[n-1].ID != plots[i].Group {
			s.Groups = append(s.Groups, p.group(plots[i].Group))
		}
		g := &s.Groups[len(s.Groups)-1]
		g.Plots = append(g.Plots, f)
	}
	return s, nil
}

// group begins a group of plots. Of the spread over runs is spoken only if there
// are several.
func (p *Page) group(id string) group {
	of := groups[id]
	g := group{ID: id, Title: of.title, Text: of.text}
	if strings.Contains(g.Text, "%s") {
		g.Text = fmt.Sprintf(g.Text, levels(p.Systems))
	}
	if !p.once() {
		g.Text += of.several
	}
	return g
}

// levels says how even a picture of who sent how much is.
func levels(systems system.Table) string {
	var all []string
	for _, s := range systems {
		if s.Words.Level != "" {
			all = append(all, s.Words.Level)
		}
	}
	return strings.Join(all, ", ")
}

// main is the case that is shown in full: the largest file to most receivers;
// nil if there is none.
func (p *Page) main() *metrics.Case {
	var largest *metrics.Case
	for i := range p.Cases {
		s := &p.Cases[i]
		if largest == nil || s.FileBytes > largest.FileBytes || s.FileBytes == largest.FileBytes && better(s, largest) {
			largest = s
		}
	}
	return largest
}

// better prefers more receivers and, of as many, more systems.
func better(s, than *metrics.Case) bool {
	if s.Receivers != than.Receivers {
		return s.Receivers > than.Receivers
	}
	return len(s.Series) > len(than.Series)
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
