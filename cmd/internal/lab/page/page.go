// Package page makes one self-contained HTML page of a comparison: tables, and
// plots as inline SVG. It needs no network, no script and no second file, and
// can be read on a telephone, in the dark, and on paper.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/evidence"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/tables"
)

//go:embed page.html
var source string

// A Page is what the page tells.
type Page struct {
	Made     time.Time
	Program  string
	Command  []string
	Scenes   []comparison.Scene
	Runs     []evidence.Run // for plots over time
	Findings []string       // what was wrong with the logs
}

// view is the page as its template wants it.
type view struct {
	Made, Program, Command, Headline string
	Scenes                           []sceneView
	Across                           []template.HTML // plots over the number of receivers
	Findings                         []string
	Definitions                      []figures.Definition
	Nodes                            []nodesView
}

type sceneView struct {
	Grid  tables.Grid
	Plots []template.HTML
}

type nodesView struct {
	Name string
	Rows []figures.Row
}

// Write writes the page to w.
func (p *Page) Write(w io.Writer) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"value": optional, "bytes": func(n int64) string { return tables.Value(float64(n), figures.Bytes) },
		"share": func(x float64) string { return tables.Value(x, figures.Share) },
		"memory": func(n *int64) string {
			if n == nil {
				return tables.Missing
			}
			return tables.Value(float64(*n), figures.Bytes)
		},
	}).Parse(source)
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

func optional(seconds *float64) string {
	if seconds == nil {
		return tables.Missing
	}
	return tables.Value(*seconds, figures.Seconds)
}

func (p *Page) view() (*view, error) {
	v := &view{
		Made: p.Made.Format(time.DateTime + " MST"), Program: p.Program, Command: strings.Join(p.Command, " "),
		Headline: Headline(p.Scenes), Findings: p.Findings, Definitions: figures.Catalog(),
	}
	for i := range p.Scenes {
		scene := &p.Scenes[i]
		plots, err := p.plots(scene)
		if err != nil {
			return nil, err
		}
		v.Scenes = append(v.Scenes, sceneView{tables.Of(scene), plots})
		for j := range scene.Series {
			run := scene.Series[j].Typical()
			v.Nodes = append(v.Nodes, nodesView{
				fmt.Sprintf("%s to %d receivers (%s)", run.System, run.Receivers, run.Name), run.Nodes})
		}
	}
	var err error
	v.Across, err = across(p.Scenes)
	return v, err
}

// Headline says in a sentence what the scene with most receivers shows.
func Headline(scenes []comparison.Scene) string {
	var most *comparison.Scene
	for i := range scenes {
		if most == nil || scenes[i].Receivers >= most.Receivers {
			most = &scenes[i]
		}
	}
	if most == nil {
		return "No run could be read."
	}
	var parts []string
	for i := range most.Series {
		s := &most.Series[i]
		text := "the " + s.System
		if t := s.Get(figures.Distribution); t != nil && t.Median != nil {
			text += " took " + tables.Value(*t.Median, figures.Seconds)
			if b := s.Get(figures.BoundMultiple); b != nil && b.Median != nil {
				text += fmt.Sprintf(" (%.2f × the least possible)", *b.Median)
			}
			if len(t.Doubts) > 0 {
				text += ", a time not to be trusted,"
			}
		} else {
			text += " did not bring the file to everyone"
		}
		if copies := s.Get(figures.OriginCopies); copies != nil && copies.Median != nil {
			text += fmt.Sprintf(" and its origin sent the file %.2f times", *copies.Median)
		}
		parts = append(parts, text)
	}
	g := tables.Of(most)
	return fmt.Sprintf("%s: %s.", g.Title, strings.Join(parts, "; "))
}
