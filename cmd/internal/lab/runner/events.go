package runner

import (
	"bufio"
	"encoding/json"
	"io"
	"sync"
	"time"
)

// maxEvent bounds a line of events in bytes.
const maxEvent = 1 << 20

// events keeps the last event of each name that a process told of.
type events struct {
	mu   sync.Mutex
	told map[string]event
	more chan struct{} // closed at the next event
}

type event struct {
	at     time.Time
	fields json.RawMessage
}

func newEvents() *events {
	return &events{told: make(map[string]event), more: make(chan struct{})}
}

// read takes events from r until it ends. Lines that are none are passed over:
// a newer program may say more.
func (e *events) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(make([]byte, 0, 4<<10), maxEvent)
	for scanner.Scan() {
		at := time.Now()
		var name struct{ Event string }
		if json.Unmarshal(scanner.Bytes(), &name) != nil || name.Event == "" {
			continue
		}
		e.add(name.Event, event{at, append(json.RawMessage(nil), scanner.Bytes()...)})
	}
	// A line too long ends the scanner, but must not block the process.
	_, _ = io.Copy(io.Discard, r)
}

func (e *events) add(name string, what event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.told[name] = what
	close(e.more)
	e.more = make(chan struct{})
}

// close wakes whoever waits.
func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.more)
	e.more = make(chan struct{})
}

// changed returns a channel that is closed at the next event.
func (e *events) changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.more
}

// last decodes the last event of that name into into, unless that is nil.
func (e *events) last(name string, into any) (time.Time, bool) {
	e.mu.Lock()
	what, ok := e.told[name]
	e.mu.Unlock()
	if !ok || into == nil {
		return what.at, ok
	}
	return what.at, json.Unmarshal(what.fields, into) == nil
}
