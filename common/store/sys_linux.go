package store

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// syncData makes what was written to f durable, with its length.
func syncData(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// syncAll makes files durable, with their names: all there is to be written on
// their file system, which takes no longer than the files themselves where nobody
// else writes, and one pass where syncing each would be one for each.
func syncAll(root *os.Root, _ []string) error {
	d, err := root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return unix.Syncfs(int(d.Fd()))
}

// allocateStep is how much is reserved by one call, in bytes: on some file
// systems a signal undoes the call it meets.
const allocateStep = 1 << 30

// allocate gives f size bytes of disk; reserved is false where the file system
// can not do that, and in memory (tmpfs): there it would take as long as the
// writing itself, with everybody waiting for it.
func allocate(f *os.File, size int64) (reserved bool, err error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &st); err == nil && st.Type == unix.TMPFS_MAGIC {
		return false, nil
	}
	for at := int64(0); at < size; at += allocateStep {
		n := min(size-at, allocateStep)
		err := unix.Fallocate(int(f.Fd()), 0, at, n)
		for errors.Is(err, unix.EINTR) {
			err = unix.Fallocate(int(f.Fd()), 0, at, n)
		}
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// freeSpace is how many bytes may still be written to the file system of the
// folder d; known is false where it does not say.
func freeSpace(d *os.File) (free int64, known bool) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(int(d.Fd()), &st); err != nil || st.Blocks == 0 {
		return 0, false
	}
	block := int64(st.Frsize)
	if block == 0 {
		block = int64(st.Bsize)
	}
	return int64(st.Bavail) * block, true
}

// bootID is a text that is another one after every start of the machine.
func bootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
