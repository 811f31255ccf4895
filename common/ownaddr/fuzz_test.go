package ownaddr

import (
	"strings"
	"testing"
)

// FuzzParseRoutes: whatever the kernel's table looks like, each interface named in it
// has the least of its metrics.
func FuzzParseRoutes(f *testing.F) {
	f.Add("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\neth0\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\neth0\t0\t0\t0\t0\t0\t20\t0\n")
	f.Add("a b c d e f 99999999999999999999\nx x x x x x -1")
	f.Fuzz(func(t *testing.T, table string) {
		for name, cost := range parseRoutes(table) {
			if strings.ContainsAny(name, " \t\n") || !strings.Contains(table, name) {
				t.Errorf("an interface %q that costs %d", name, cost)
			}
		}
	})
}
