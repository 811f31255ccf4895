package store

import (
	"io/fs"
	"math"
	"time"
)

// Stamp is what a file is known by without reading it: while its stamp is the
// same, its content is taken to be.
type Stamp struct {
	Size    int64  // bytes
	ModTime int64  // ns since 1970
	Inode   uint64 // number on its disk; 0 on systems without
}

// StampOf returns the stamp of a file.
func StampOf(info fs.FileInfo) Stamp {
	return Stamp{Size: info.Size(), ModTime: nanoseconds(info.ModTime()), Inode: inodeOf(info)}
}

// nanoseconds returns t since 1970, as near as 64 bits come to it: they reach from
// 1677 to 2262.
func nanoseconds(t time.Time) int64 {
	switch {
	case t.Before(time.Unix(0, math.MinInt64)):
		return math.MinInt64
	case t.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return t.UnixNano()
}
