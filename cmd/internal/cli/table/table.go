package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"starmesh/cmd/internal/lab/metrics"
)

// Text writes a table for a terminal: words to the left, numbers to the right,
// notes broken at width columns.
func (g *Grid) Text(w io.Writer, width int) error {
	widths := make([]int, len(g.Head))
	for _, row := range append([][]string{g.Head}, g.Rows...) {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	var b strings.Builder
	if g.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", g.Title)
	}
	for _, row := range append([][]string{g.Head}, g.Rows...) {
		line := ""
		for i, text := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				line += "  "
			}
			if g.Words(i) {
				line += text + gap
			} else {
				line += gap + text
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if len(g.Notes) > 0 {
		b.WriteByte('\n')
	}
	for _, note := range g.Notes {
		b.WriteString(wrap(note, width))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// wrap breaks a text into lines of at most width columns where it has spaces;
// all but the first are indented.
func wrap(text string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		length := utf8.RuneCountInString(word)
		switch {
		case column == 0:
		case column+1+length > max(width, 20):
			b.WriteString("\n  ")
			column = 2
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += length
	}
	b.WriteByte('\n')
	return b.String()
}

// Markdown writes a table as GitHub reads it.
func (g *Grid) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", g.Title)
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "*", `\*`, "_", `\_`).Replace
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + escape(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(g.Head)
	for i := range g.Head {
		if g.Words(i) {
			b.WriteString("|---")
		} else {
			b.WriteString("|---:")
		}
	}
	b.WriteString("|\n")
	for _, row := range g.Rows {
		line(row)
	}
	b.WriteByte('\n')
	for _, note := range g.Notes {
		fmt.Fprintf(&b, "- %s\n", escape(note))
	}
	if len(g.Notes) > 0 {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// CSV writes all figures of all cases, a line for each, with numbers as they
// are; what is absent is an empty field.
func CSV(w io.Writer, cases []metrics.Case) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"receivers", "file_bytes", "system", "figure", "unit", "median", "min", "max",
		"runs", "relative", "relative_to", "absent", "doubts"}) // Error tells of it
	for _, cs := range cases {
		for _, s := range cs.Series {
			for _, f := range s.Spreads {
				d, _ := metrics.Define(f.Key)
				_ = c.Write([]string{
					strconv.Itoa(cs.Receivers), strconv.FormatInt(cs.FileBytes, 10), s.Label(), string(f.Key), string(d.Unit),
					plainNumber(f.Median), plainNumber(f.Min), plainNumber(f.Max), strconv.Itoa(f.Have), plainNumber(f.Relative), cs.Base(),
					f.Absent, strings.Join(f.Doubts, "; "),
				})
			}
		}
	}
	c.Flush()
	return c.Error()
}

func plainNumber(v *float64) string {
	if v == nil {
		return ""
	}
	return strconv.FormatFloat(*v, 'g', -1, 64)
}

// Paragraphs writes texts after an empty line, each broken at width columns.
func Paragraphs(w io.Writer, texts []string, width int) error {
	var b strings.Builder
	b.WriteByte('\n')
	for _, text := range texts {
		b.WriteString(wrap(text, width))
	}
	_, err := io.WriteString(w, b.String())
	return err
}
