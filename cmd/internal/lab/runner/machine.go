package runner

import (
	"context"
	"runtime"
	"strings"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"

	"starmesh/cmd/internal/lab/labdir"
)

// DescribeMachine says which machine this is. What the system does not tell is left
// out. It takes half a second, in which it looks how busy the machine is, and
// one second more if it is: what has just ended, as a compiler, is no load.
func DescribeMachine(ctx context.Context) labdir.Machine {
	m := labdir.Machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GoVersion: runtime.Version()}
	if release, err := host.KernelVersionWithContext(ctx); err == nil && release != "" {
		m.OS += " " + release
	}
	if all, err := cpu.InfoWithContext(ctx); err == nil && len(all) > 0 {
		m.CPU = strings.Join(strings.Fields(all[0].ModelName), " ")
	}
	if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.MemoryBytes = int64(memory.Total)
	}
	m.LoadBefore, _ = busyOver(ctx, glance)
	if m.Busy() {
		if again, ok := busyOver(ctx, second); ok {
			m.LoadBefore = again
		}
	}
	return m
}
