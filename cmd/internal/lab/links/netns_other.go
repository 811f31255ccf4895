//go:build !linux

package links

import (
	"runtime"
	"time"

	"starmesh/common/fault"
)

func checkNetns() error {
	return fault.Wrapf(fault.Refused, "netns links need Linux's network namespaces, and this is %s: use --links rate, where the program limits itself", runtime.GOOS)
}

func openNetns([]Rates, time.Duration) (*Network, error) { return nil, checkNetns() }

// space cannot be had here.
type space struct{}

func (*space) do(f func() error) error           { return f() }
func (*space) counted() (out, in int64, ok bool) { return 0, 0, false }
