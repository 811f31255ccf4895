package labdir

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"starmesh/common/fault"
)

// OpenLab reads lab.json in a lab's folder. Its errors are those of OpenTrial.
func OpenLab(dir string) (*Lab, error) { return open[Lab](filepath.Join(dir, LabFile), LabFormat) }

// OpenRun reads run.json in a run's folder. It fails with fs.ErrNotExist
// where there is none, with fault.Version when it is of another format, and
// with fault.Invalid or fault.TooLarge when it is broken. The errors say what is
// wrong with it, as a sentence that does not name the file.
func OpenRun(dir string) (*Run, error) {
	return open[Run](filepath.Join(dir, RunFile), RunFormat)
}

// maxBytes bounds a lab.json and a run.json: one of a thousand nodes takes
// 300 KB.
const maxBytes = 16 << 20

// open reads the JSON value in a file that says it is of that format.
func open[T any](name, format string) (*T, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("it cannot be read: %w", err)
	}
	if len(text) > maxBytes {
		return nil, fault.Wrapf(fault.TooLarge, "it has more than %d MiB", maxBytes>>20)
	}
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
