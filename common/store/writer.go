package store

import (
	"os"
	"path"
	"sync"

	"starmesh/common/fault"
)

// Writer puts small files into their places, each whole and at once: written
// aside, given mode and time, renamed. Nothing is locked and nothing kept of one
// that is in the making, and the disk is asked once, by Sync, for all of them: so
// a folder of many costs little more than one file of their size.
//
// What Write has returned survives the death of the process. A power cut before
// Sync may leave files with their names and without all of their bytes: whoever
// goes on is to verify what is there.
//
// A Writer may be used from several goroutines.
type Writer struct {
	folders folders

	mu      sync.Mutex
	written []string // since the last Sync
}

// NewWriter returns one for files below root, which stays the caller's.
func NewWriter(root *os.Root) *Writer {
	return &Writer{folders: folders{below: root, open: map[string]*openFolder{}}}
}

// Write makes b the file called name (slash-separated, below the root), in folders
// that are made where they are missing; opt says with which mode and time, and
// whether a file that is there is replaced. It fails as Create does.
func (w *Writer) Write(name string, b []byte, opt Options) (Stamp, error) {
	n, err := namesOf(name)
	if err != nil {
		return Stamp{}, err
	}
	dir, err := w.folders.take(n.dir, true)
	if err != nil {
		return Stamp{}, explain(err, n.dir)
	}
	defer w.folders.give(dir)
	stamp, err := dir.write(path.Base(name), name, b, opt)
	if err != nil {
		return Stamp{}, explain(err, name)
	}
	w.note(name)
	return stamp, nil
}

// note has the next Sync see to a file.
func (w *Writer) note(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.written = append(w.written, name)
}

// Sync makes the disk confirm all that was written since it was last called.
func (w *Writer) Sync() error {
	w.mu.Lock()
	written := w.written
	w.written = nil
	w.mu.Unlock()
	if len(written) == 0 {
		return nil
	}
	return explain(syncAll(w.folders.below, written), written[0])
}

// Close lets go of what is open; no Write may be under way.
func (w *Writer) Close() { w.folders.close() }

func targetExists(name string) error {
	return fault.Advise(fault.Wrapf(fault.Exists, "%s exists already", name), fault.HintReplace)
}
