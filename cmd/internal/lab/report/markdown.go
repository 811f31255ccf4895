package report

import (
	"fmt"
	"io"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
)

// markdown writes the words and tables of the page, with links to the plots.
func markdown(w io.Writer, p *Page, plots []Plot, in *input) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# starmesh lab report\n\n")
	for _, s := range p.Sentences() {
		fmt.Fprintf(&b, "%s\n\n", plain(s))
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	for i := range in.cases {
		g := GridOf(&in.cases[i])
		if err := g.Markdown(w); err != nil {
			return err
		}
	}
	b.Reset()
	if len(plots) > 0 {
		fmt.Fprintf(&b, "\n## Plots\n\n")
	}
	for _, plot := range plots {
		fmt.Fprintf(&b, "- [%s](%s/%s.svg)\n", plain(plot.Caption), labdir.PlotsDir, plot.Name)
	}
	if len(p.Findings) > 0 {
		fmt.Fprintf(&b, "\n## What was wrong with the logs\n\n")
	}
	for _, f := range p.Findings {
		fmt.Fprintf(&b, "- %s\n", plain(f))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// plain keeps a text from being read as Markdown or HTML, and on one line.
func plain(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "[", `\[`, "]", `\]`, "|", `\|`).Replace(s)
}
