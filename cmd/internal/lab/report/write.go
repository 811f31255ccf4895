package report

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/common/atomicfile"
)

// write makes all files but the pictures.
func write(o *Options, in *input) (*Result, error) {
	out := o.Out
	if out == "" {
		out = o.Dirs[0]
	}
	p := in.page(o)
	plots := p.plots()
	w := &writer{dir: out}
	w.prepare()
	w.file(metrics.DocumentName, metrics.NewDocument(o.Program, o.Made, in.reports).Write)
	w.file(labdir.TableFile, func(w io.Writer) error { return CSV(w, in.cases) })
	for _, plot := range plots {
		w.bytes(plotFile(plot)+".svg", plot.Chart.SVG)
	}
	w.file(labdir.TextFile, func(w io.Writer) error { return markdown(w, p, plots, in) })
	w.file(labdir.ReportFile, p.Write)
	if w.err != nil {
		return nil, w.err
	}
	r := &Result{Sentences: p.Sentences(), Page: filepath.Join(out, labdir.ReportFile), Files: w.files,
		Findings: in.findings, Cases: in.cases, out: w, plots: plots}
	r.Headline = r.Sentences[0]
	for _, f := range in.folders {
		r.Notes = append(r.Notes, f.Notes...)
	}
	return r, nil
}

// writer writes files into a folder until one cannot be written.
type writer struct {
	dir   string
	files []string
	err   error
}

// prepare makes the folders and removes the plots of an earlier report, which
// may have been of other runs.
func (w *writer) prepare() {
	dir := filepath.Join(w.dir, labdir.PlotsDir)
	if w.err = os.MkdirAll(dir, 0o755); w.err != nil {
		return
	}
	for _, ending := range []string{"*.svg", "*.png"} {
		old, _ := filepath.Glob(filepath.Join(escapeGlob(dir), ending)) // the pattern is right
		for _, name := range old {
			if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
				w.err = err
			}
		}
	}
}

// escapeGlob makes a path match only itself.
func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // Windows knows no escapes; such names are rare
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// plotFile names the file of a plot, without its ending.
func plotFile(p Plot) string { return filepath.Join(labdir.PlotsDir, p.Name) }

func (w *writer) bytes(name string, draw func() ([]byte, error)) {
	w.file(name, func(to io.Writer) error {
		text, err := draw()
		if err != nil {
			return err
		}
		_, err = to.Write(text)
		return err
	})
}

// file writes a file that is there whole or not at all.
func (w *writer) file(name string, write func(io.Writer) error) {
	if w.err != nil {
		return
	}
	path := filepath.Join(w.dir, name)
	if w.err = fileerr.Named(path, atomicfile.Write(path, atomicfile.Options{Perm: 0o644}, write)); w.err == nil {
		w.files = append(w.files, path)
	}
}
