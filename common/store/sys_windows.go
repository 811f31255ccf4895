package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/windows"
)

// lockFile takes the lock of an open file, which goes with the process; busy
// tells that another holds it. Windows locks forbid reading as well, so the
// byte locked lies far behind the end.
func lockFile(f *os.File) (busy bool, err error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	far := &windows.Overlapped{OffsetHigh: 1 << 30}
	err = windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, far)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return true, nil
	}
	return false, err
}

// inodeOf returns the file's number on its disk; a FileInfo has none here.
func inodeOf(fs.FileInfo) uint64 { return 0 }

// allocated is how many bytes of disk the file has got already: its length,
// for SetEndOfFile reserves on NTFS.
func allocated(info fs.FileInfo) int64 { return info.Size() }

// syncData makes what was written to f durable, with its length.
func syncData(f *os.File) error { return f.Sync() }

// allocate gives f size bytes of disk: Truncate does it on NTFS.
func allocate(*os.File, int64) (reserved bool, err error) { return false, nil }

// freeSpace is how many bytes may still be written to the file system of the
// folder d; known is false where it does not say.
func freeSpace(d *os.File) (free int64, known bool) {
	name, err := windows.UTF16PtrFromString(d.Name())
	if err != nil {
		return 0, false
	}
	var bytes uint64
	if windows.GetDiskFreeSpaceEx(name, &bytes, nil, nil) != nil {
		return 0, false
	}
	return int64(min(bytes, 1<<62)), true
}

// bootID is a text that is another one after every start of the machine:
// Windows has none, so the last writes before a restart of the program are
// verified again.
func bootID() string { return "" }

// descriptorLimit is known nowhere: handles are bounded by memory.
func descriptorLimit() (limit uint64, known bool) { return 0, false }

func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL)
}
func isOutOfFiles(err error) bool {
	return errors.Is(err, windows.ERROR_TOO_MANY_OPEN_FILES)
}
func isReadOnly(err error) bool  { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }
func isTooLarge(err error) bool  { return errors.Is(err, windows.ERROR_FILE_TOO_LARGE) }
func isNotFolder(err error) bool { return errors.Is(err, windows.ERROR_DIRECTORY) }
