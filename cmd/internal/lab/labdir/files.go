package labdir

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// OpenLab reads lab.json in a lab's folder. Its errors are those of OpenRun.
func OpenLab(dir string) (*Lab, error) { return open[Lab](filepath.Join(dir, LabFile), LabFormat) }

// OpenRun reads run.json in a run's folder. It fails with fs.ErrNotExist
// where there is none, with fault.Version when it is of another format, and
// with fault.Invalid or fault.TooLarge when it is broken. The errors say what is
// wrong with it, as a sentence that does not name the file.
func OpenRun(dir string) (*Run, error) {
	return open[Run](filepath.Join(dir, RunFile), RunFormat)
}

// open reads the JSON value in a file that says it is of that format.
func open[T any](name, format string) (*T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	defer f.Close()
	const maxBytes = 16 << 20 // one of a thousand nodes takes 300 KB
	return Read[T](f, format, maxBytes)
}

// Read reads a JSON value of up to maxBytes that says it is of that format. Its
// errors are those of OpenRun.
func Read[T any](r io.Reader, format string, maxBytes int64) (*T, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if int64(len(text)) > maxBytes {
		return nil, fault.Wrapf(fault.TooLarge, "it has more than %d MiB", maxBytes>>20)
	}
	text = readable.PlainJSON(text)
	var is struct{ Format string }
	into := new(T)
	if err := json.Unmarshal(text, &is); err != nil {
		return nil, fault.Wrapf(fault.Invalid, "it is broken: %w", err)
	}
	if is.Format != format {
		return nil, fault.Wrapf(fault.Version, "it is of format %.40q, not %q", is.Format, format)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return nil, fault.Wrapf(fault.Invalid, "it is broken: %w", err)
	}
	return into, nil
}

// Save writes lab.json into a lab's folder, whole or not at all. The error names
// the file.
func (l *Lab) Save(dir string) error { return save(filepath.Join(dir, LabFile), l) }

// Save writes run.json into a run's folder, whole or not at all. The error
// names the file.
func (r *Run) Save(dir string) error { return save(filepath.Join(dir, RunFile), r) }

func save(name string, v any) error {
	return fileerr.Write(name, func(w io.Writer) error {
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		return encoder.Encode(v)
	})
}
