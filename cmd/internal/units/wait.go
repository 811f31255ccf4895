package units

import (
	"fmt"
	"time"
)

// Wait is a time to wait that may be forever, as a flag.
type Wait time.Duration

// Forever is without end; any negative Wait is.
const Forever Wait = -1

func (w *Wait) String() string {
	if *w < 0 {
		return "forever"
	}
	return time.Duration(*w).String()
}

// Set reads a duration or the word forever.
func (w *Wait) Set(text string) error {
	if text == "forever" {
		*w = Forever
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time to wait, such as 90s, 10m, 1h or forever", text)
	}
	*w = Wait(d)
	return nil
}

// Type is what help texts call a value of this kind.
func (w *Wait) Type() string { return "DURATION" }
