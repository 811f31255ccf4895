package store

import "io/fs"

// Stamp is what a file is known by without reading it: while its stamp is the
// same, its content is taken to be.
type Stamp struct {
	Size    int64  // bytes
	ModTime int64  // ns since 1970
	Inode   uint64 // number on its disk; 0 on systems without
}

// StampOf returns the stamp of a file.
func StampOf(info fs.FileInfo) Stamp {
	return Stamp{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Inode: inodeOf(info)}
}
