package labdir

import (
	"encoding/json"
	"io"
	"path/filepath"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/atomicfile"
)

// Save writes lab.json into a lab's folder, whole or not at all. The error names
// the file.
func (l *Lab) Save(dir string) error { return save(filepath.Join(dir, LabFile), l) }

// Save writes run.json into a run's folder, whole or not at all. The error
// names the file.
func (r *Run) Save(dir string) error { return save(filepath.Join(dir, RunFile), r) }

func save(name string, v any) error {
	return fileerr.Named(name, atomicfile.Write(name, atomicfile.Options{Perm: 0o644}, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	}))
}
