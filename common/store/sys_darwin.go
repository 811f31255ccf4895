package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncData makes what was written to f durable, with its length. On darwin
// File.Sync is F_FULLFSYNC, the only call that empties the disk's own cache.
func syncData(f *os.File) error { return f.Sync() }

// allocate gives f size bytes of disk; reserved is false where the file system
// can not do that.
func allocate(f *os.File, size int64) (reserved bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	more := size - info.Size() // F_PEOFPOSMODE counts from the end of the file
	if more <= 0 {
		return true, nil
	}
	store := &unix.Fstore_t{Flags: unix.F_ALLOCATEALL, Posmode: unix.F_PEOFPOSMODE, Length: more}
	switch err := unix.FcntlFstore(f.Fd(), unix.F_PREALLOCATE, store); {
	case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EINVAL):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, f.Truncate(size) // F_PREALLOCATE leaves the length as it was
}

// freeSpace is how many bytes may still be written to the file system of the
// folder d; known is false where it does not say.
func freeSpace(d *os.File) (free int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}

// bootID is a text that is another one after every start of the machine.
func bootID() string {
	id, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return id
}
