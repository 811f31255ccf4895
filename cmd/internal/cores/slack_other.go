//go:build !linux

package cores

import "time"

// setSlack is not known elsewhere.
func setSlack(time.Duration) {}
