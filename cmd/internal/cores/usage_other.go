//go:build !unix

package cores

import "time"

func usage() (time.Duration, bool) { return 0, false }
