//go:build linux || darwin

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock of an open file, which goes with the process; busy
// tells that another holds it. A file system without locks (some network
// ones) is worked on without: chunks stay verified one by one, only the clear
// message to a second process is lost.
func lockFile(f *os.File) (busy bool, err error) {
	for {
		switch err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EWOULDBLOCK):
			return true, nil
		case errors.Is(err, unix.ENOTSUP), errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.ENOLCK):
			return false, errors.ErrUnsupported
		default:
			return false, err
		}
	}
}

// inodeOf returns the file's number on its disk; 0 where there is none.
func inodeOf(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Ino
	}
	return 0
}

// allocated is how many bytes of disk the file has got already.
func allocated(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return 0
}

// descriptorLimit is how many descriptors this process may have.
func descriptorLimit() (limit uint64, known bool) {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0, false
	}
	return r.Cur, true
}

func isNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}
func isOutOfFiles(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE)
}
func isReadOnly(err error) bool  { return errors.Is(err, unix.EROFS) }
func isTooLarge(err error) bool  { return errors.Is(err, unix.EFBIG) }
func isNotFolder(err error) bool { return errors.Is(err, unix.ENOTDIR) }
