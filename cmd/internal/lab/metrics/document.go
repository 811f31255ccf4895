package metrics

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
)

// DocumentName is the document's file in a folder of results.
const DocumentName = "results.json"

// Format is what a document of this kind says it is.
const Format = "starmesh-results/1"

// maxBytes bounds what is read: a run of a thousand nodes takes 300 KB.
const maxBytes = 256 << 20

// A Document is the contents of results.json.
type Document struct {
	Format  string    `json:"format"`
	Made    time.Time `json:"made"`
	Program string    `json:"program"`
	Runs    []*Report `json:"runs"`
	Failed  []Failure `json:"failed,omitempty"`
}

// A Failure is a node that did not get the file, or a run of which nothing came.
type Failure struct {
	Run     string `json:"run"`
	Node    string `json:"node,omitempty"`
	Machine string `json:"machine,omitempty"` // on which it was, if that had joined
	Why     string `json:"why"`
}

// NewDocument makes a document of runs, and of what failed in them.
func NewDocument(program string, made time.Time, runs []*Report, failed ...Failure) *Document {
	return &Document{Format: Format, Made: made.UTC().Truncate(time.Second), Program: program, Runs: runs, Failed: failed}
}

// Write writes the document to w, indented.
func (d *Document) Write(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d); err != nil {
		return fmt.Errorf("cannot write the results: %w", err)
	}
	return nil
}

// ReadDocument reads a document and checks that its numbers can be used.
func ReadDocument(r io.Reader) (*Document, error) {
	d, err := labdir.Read[Document](r, Format, maxBytes)
	if err != nil {
		return nil, err
	}
	for i, r := range d.Runs {
		if err := check(r); err != nil {
			return nil, fmt.Errorf("run %d (%.60q): %w", i+1, cmp.Or(r, new(Report)).Name, err)
		}
	}
	return d, nil
}

// OpenDocument reads the document of a folder, or that file itself.
func OpenDocument(path string) (*Document, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, DocumentName)
	}
	return fileerr.Read(path, func(f *os.File) (*Document, error) { return ReadDocument(f) })
}

// check refuses what no run can be.
func check(r *Report) error {
	switch {
	case r == nil || r.System == nil || r.System.Name == "":
		return errors.New("it does not say of which system it is")
	case r.Receivers < 0 || r.FileBytes < 0 || r.Chunks < 0:
		return fmt.Errorf("%d receivers, %d bytes, %d chunks", r.Receivers, r.FileBytes, r.Chunks)
	}
	for _, f := range r.Figures {
		if f.Value != nil && (*f.Value < 0 || math.IsInf(*f.Value, 0)) {
			return fmt.Errorf("%.60s is %v", f.Key, *f.Value)
		}
	}
	for _, rate := range append(append([]Limit{r.Links.OriginUp}, r.Links.Up...), r.Links.Down...) {
		if rate != nil && *rate < 0 {
			return fmt.Errorf("a link has a rate of %v", *rate)
		}
	}
	return nil
}
