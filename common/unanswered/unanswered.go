// Package unanswered tells people at which addresses nobody answers yet, before
// they wonder. Both builds dial, and say it so.
package unanswered

import (
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	// patience is how long people wait for an answer without a word.
	patience = 1500 * time.Millisecond
	// maxTold bounds what is told in a process: who has read it often enough knows.
	maxTold = 8
)

// Teller tells of dials that take long, of the same addresses once. A nil *Teller
// tells nothing.
type Teller struct {
	tell func(text string)

	mu   sync.Mutex
	told []string
}

// NewTeller makes one that calls tell, from any goroutine.
func NewTeller(tell func(text string)) *Teller { return &Teller{tell: tell} }

// Dial has it told that there is no answer from the addresses that tried returns
// by then, if there are some, unless answered is called before.
func (t *Teller) Dial(tried func() []string) (answered func()) {
	if t == nil {
		return func() {}
	}
	timer := time.AfterFunc(patience, func() { t.say(tried()) })
	return func() { timer.Stop() }
}

func (t *Teller) say(tried []string) {
	if len(tried) == 0 {
		return
	}
	text := "no answer yet from " + strings.Join(tried, ", ") + "; still trying"
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.told, text) && len(t.told) < maxTold {
		t.told = append(t.told, text)
		t.tell(text)
	}
}
