package report

import (
	"cmp"
	"errors"
	"io"
	"os"
	"path/filepath"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
)

// write makes all files but the pictures.
func write(o *Options, in *input) (*Result, error) {
	v := in.page(o).view()
	w := &writer{dir: cmp.Or(o.Out, o.Dirs[0])}
	w.prepare()
	w.file(metrics.DocumentName, metrics.NewDocument(o.Program, o.Made, in.Reports, in.failed()...).Write)
	w.file(labdir.TableFile, func(w io.Writer) error { return CSV(w, in.Cases) })
	for _, plot := range v.plots {
		w.picture(plot, ".svg", plot.Chart.SVG)
	}
	w.file(labdir.TextFile, v.markdown)
	w.file(labdir.ReportFile, v.write)
	if w.err != nil {
		return nil, w.err
	}
	r := &Result{Sentences: v.Lead(), Page: filepath.Join(w.dir, labdir.ReportFile), Files: w.files,
		Findings: in.Findings, Cases: in.Cases, out: w, plots: v.plots}
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
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".svg" || ext == ".png" {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	w.err = err
}

// picture draws a plot into a file of its name.
func (w *writer) picture(p Plot, ending string, draw func() ([]byte, error)) {
	w.file(filepath.Join(labdir.PlotsDir, p.Name+ending), func(to io.Writer) error {
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
	if w.err = fileerr.Write(path, write); w.err == nil {
		w.files = append(w.files, path)
	}
}
