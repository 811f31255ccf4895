package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
)

// markdown writes the words and tables of the page, with links to the plots.
func (v *view) markdown(w io.Writer) error {
	var b bytes.Buffer
	b.WriteString("# starmesh lab report\n\n")
	for _, s := range v.Lead() {
		fmt.Fprintf(&b, "%s\n\n", plain(s))
	}
	for _, cs := range v.Cases {
		g := GridOf(cs)
		_ = g.Markdown(&b) // a buffer takes all
	}
	if len(v.plots) > 0 {
		b.WriteString("\n## Plots\n\n")
	}
	for _, plot := range v.plots {
		fmt.Fprintf(&b, "- [%s](%s/%s.svg)\n", plain(plot.Caption), labdir.PlotsDir, plot.Name)
	}
	if len(v.Findings) > 0 {
		b.WriteString("\n## What was wrong with the logs\n\n")
	}
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "- %s\n", plain(f))
	}
	_, err := b.WriteTo(w)
	return err
}

// plain keeps a text from being read as Markdown or HTML, and on one line.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "[", `\[`, "]", `\]`, "|", `\|`).Replace(s)
}
