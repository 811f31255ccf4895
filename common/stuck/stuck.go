// Package stuck knows of the calls that only their own return ends: opening a
// named pipe, reading of one, writing to one that nobody reads. No signal and no
// context does; a process that is asked to end while it is in one has to leave
// it behind.
package stuck

import (
	"io"
	"os"
	"sync"
	"time"
)

// calls are those under way, each with when it began.
var calls = struct {
	sync.Mutex
	begun map[int]time.Time
	last  int
}{begun: map[int]time.Time{}}

// Begin notes that such a call begins, until end.
func Begin() (end func()) {
	calls.Lock()
	defer calls.Unlock()
	calls.last++
	n := calls.last
	calls.begun[n] = time.Now()
	return func() {
		calls.Lock()
		defer calls.Unlock()
		delete(calls.begun, n)
	}
}

// For returns how long the longest call under way has lasted, from since on.
func For(since time.Time) time.Duration {
	calls.Lock()
	defer calls.Unlock()
	longest := time.Duration(0)
	for _, begun := range calls.begun {
		longest = max(longest, min(time.Since(begun), time.Since(since)))
	}
	return longest
}

// Open is os.Open.
func Open(name string) (*os.File, error) {
	defer Begin()()
	return os.Open(name)
}

// OpenRoot is os.OpenRoot.
func OpenRoot(name string) (*os.Root, error) {
	defer Begin()()
	return os.OpenRoot(name)
}

// ReadFile is os.ReadFile.
func ReadFile(name string) ([]byte, error) {
	defer Begin()()
	return os.ReadFile(name)
}

// Reader notes each Read.
type Reader struct{ From io.Reader }

func (r Reader) Read(p []byte) (int, error) {
	defer Begin()()
	return r.From.Read(p)
}

// Writer notes each Write. It has the descriptor of the file that it writes to.
type Writer struct{ To io.Writer }

func (w Writer) Write(p []byte) (int, error) {
	defer Begin()()
	return w.To.Write(p)
}

// Fd returns the descriptor of the file that w writes to, of none if there is no
// such file.
func (w Writer) Fd() uintptr {
	if f, ok := w.To.(interface{ Fd() uintptr }); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}
