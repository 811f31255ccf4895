package runner

import (
	"strings"
	"testing"
)

// FuzzEvents: a node's lines come from another machine when it has joined. Each one
// that is kept can be decoded, under the name that it has.
func FuzzEvents(f *testing.F) {
	f.Add(`{"event":"listening","agent":"127.0.0.1:1"}` + "\nwords\n" + `{"event":"done","seconds":1e400}` + "\n{\"event\":7}\n[]\n{\"event\":\"\"}")
	f.Fuzz(func(t *testing.T, lines string) {
		e := newEvents()
		e.read(strings.NewReader(lines))
		for name := range e.told {
			var into struct{ Event string }
			if at, ok := e.last(name, &into); !ok || at.IsZero() || into.Event != name {
				t.Errorf("%q is kept as %q, %v", into.Event, name, ok)
			}
		}
	})
}
