package load

import (
	"os"
	"runtime"
	"sync/atomic"

	gopsutil "github.com/shirou/gopsutil/v4/process"
)

// process reads this process's own figures.
type process struct {
	self *gopsutil.Process // nil if the system does not know this process
	peak atomic.Int64      // of resident memory, as far as seen: the kernel's may waver
}

func newProcess() *process {
	self, err := gopsutil.NewProcess(int32(os.Getpid()))
	if err != nil {
		return &process{} // its figures are then absent
	}
	return &process{self: self}
}

// read returns what the system tells; what it does not is absent.
func (p *process) read() Process {
	figures := Process{Goroutines: runtime.NumGoroutine()}
	if peak, ok := peakMemory(); ok {
		figures.RSSPeakBytes = p.atLeast(peak)
	}
	if p.self == nil {
		return figures
	}
	figures.CPUSeconds = p.cpu()
	if memory, err := p.self.MemoryInfo(); err == nil {
		rss := int64(memory.RSS)
		figures.RSSBytes = &rss
		if figures.RSSPeakBytes != nil { // the two are not read at one instant
			figures.RSSPeakBytes = p.atLeast(rss)
		}
	}
	if fds, err := p.self.NumFDs(); err == nil {
		count := int64(fds)
		figures.FDs = &count
	}
	return figures
}

// atLeast raises the peak to n and returns it.
func (p *process) atLeast(n int64) *int64 {
	for {
		peak := p.peak.Load()
		if peak >= n {
			return &peak
		}
		if p.peak.CompareAndSwap(peak, n) {
			return &n
		}
	}
}

// cpu returns user and system seconds, to the microsecond where getrusage(2)
// exists and to the clock tick elsewhere.
func (p *process) cpu() *float64 {
	if seconds, ok := usage(); ok {
		return &seconds
	}
	times, err := p.self.Times()
	if err != nil {
		return nil
	}
	seconds := times.User + times.System
	return &seconds
}
