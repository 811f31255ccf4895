package faultinject

import (
	"fmt"
	"strings"

	"starmesh/cmd/internal/lab/system"
	"starmesh/common/readable"
)

// names lists some nodes: peer-1, peer-2 and 3 more.
func names(all []string) string {
	return readable.List(all, 6)
}

func notBefore(b system.Bound, whose string) string {
	if b.Seconds == 0 {
		return ""
	}
	return fmt.Sprintf(", not before %s (the bound of %s)", seconds(b.Seconds), whose)
}

func seconds(s float64) string { return fmt.Sprintf("%.3g s", s) }

func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}
