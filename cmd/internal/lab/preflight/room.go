package preflight

import (
	"context"

	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"
)

// Room is what a machine has left.
type Room struct {
	MemoryBytes int64 // that processes can still have; 0 if nobody knows
	DiskBytes   int64 // free where the lab's folder is; 0 if nobody knows
}

// RoomAt returns what is left of memory and of the disk on which dir is.
func RoomAt(ctx context.Context, dir string) Room {
	var r Room
	if memory, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		r.MemoryBytes = int64(memory.Available)
	}
	if usage, err := disk.UsageWithContext(ctx, dir); err == nil {
		r.DiskBytes = int64(usage.Free)
	}
	return r
}
