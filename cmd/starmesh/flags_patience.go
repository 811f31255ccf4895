package main

import (
	"fmt"
	"time"
)

// patience is a time to wait, as a flag: a duration, or forever.
type patience struct {
	time    time.Duration
	forever bool
}

func (p *patience) String() string {
	if p.forever {
		return "forever"
	}
	return p.time.String()
}

func (p *patience) Set(text string) error {
	if text == "forever" {
		*p = patience{forever: true}
		return nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time to wait, such as 90s, 10m, 1h or forever", text)
	}
	*p = patience{time: d}
	return nil
}

func (p *patience) Type() string { return "DURATION" }

// duration is negative for ever.
func (p *patience) duration() time.Duration {
	if p.forever {
		return -1
	}
	return p.time
}
