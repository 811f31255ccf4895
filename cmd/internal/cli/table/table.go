// Package table writes tables for a terminal and as Markdown.
package table

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Table is a table ready to be written anywhere.
type Table struct {
	Title string
	Head  []string // the first is over the names of the rows
	Rows  [][]string
	// Notes stand below the table: what was left unsaid in it.
	Notes []string
}

// Missing stands for a value that is absent; the notes say why.
const Missing = "-"

// Words reports whether column i holds words, which stand to the left; the others
// hold numbers and stand to the right.
func (t *Table) Words(i int) bool {
	words := i == 0
	for _, row := range t.Rows {
		if i >= len(row) || row[i] == "" || row[i] == Missing {
			continue
		}
		first, _ := utf8.DecodeRuneInString(row[i])
		if words = unicode.IsLetter(first); !words {
			return i == 0
		}
	}
	return words
}

// Text writes a table for a terminal: words to the left, numbers to the right,
// notes broken at width columns.
func (t *Table) Text(w io.Writer, width int) error {
	var b strings.Builder
	if t.Title != "" {
		fmt.Fprintf(&b, "%s\n\n", t.Title)
	}
	t.rows(&b)
	if len(t.Notes) > 0 {
		b.WriteByte('\n')
	}
	for _, note := range t.Notes {
		b.WriteString(wrap(note, width))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// rows writes the head and all rows, in columns.
func (t *Table) rows(b *strings.Builder) {
	all := append([][]string{t.Head}, t.Rows...)
	widths := make([]int, len(t.Head))
	for _, row := range all {
		for i, text := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(text))
		}
	}
	for _, row := range all {
		line := ""
		for i, text := range row {
			gap := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
			if i > 0 {
				line += "  "
			}
			if t.Words(i) {
				line += text + gap
			} else {
				line += gap + text
			}
		}
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
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
func (t *Table) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s\n\n", t.Title)
	escape := strings.NewReplacer("|", `\|`, "<", "&lt;", "\n", " ", "*", `\*`, "_", `\_`).Replace
	line := func(cells []string) {
		for _, c := range cells {
			b.WriteString("| " + escape(c) + " ")
		}
		b.WriteString("|\n")
	}
	line(t.Head)
	for i := range t.Head {
		if t.Words(i) {
			b.WriteString("|---")
		} else {
			b.WriteString("|---:")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.Rows {
		line(row)
	}
	b.WriteByte('\n')
	for _, note := range t.Notes {
		fmt.Fprintf(&b, "- %s\n", escape(note))
	}
	if len(t.Notes) > 0 {
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
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
