package store

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// fastFolder does to the files of one folder what package os does, in as few steps
// of the kernel's as there are: with many small files, those are what takes the
// time. Names are of the folder itself, and links are not followed.
type fastFolder struct {
	once sync.Once
	dir  *os.File // nil: it cannot be opened
}

// at is the folder's descriptor; -1 if there is none.
func (f *fastFolder) at(root *os.Root) int {
	f.once.Do(func() {
		if dir, err := root.Open("."); err == nil {
			f.dir = dir
		}
	})
	if f.dir == nil {
		return -1
	}
	return int(f.dir.Fd())
}

func (f *fastFolder) close() {
	f.once.Do(func() {})
	if f.dir != nil {
		f.dir.Close()
	}
}

// writeNew makes b the file called name, by way of aside. It fails with
// fs.ErrExist if the name is taken, and errSlow where the kernel or the file system
// cannot tell that in the same step as the renaming.
func (f *fastFolder) writeNew(root *os.Root, aside, name string, b []byte, opt Options) (stamp Stamp, err error) {
	dir := f.at(root)
	if dir < 0 {
		return Stamp{}, errSlow
	}
	fd := -1
	err = uninterrupted(func() (err error) {
		fd, err = unix.Openat(dir, aside, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, uint32(opt.perm()))
		return err
	})
	if err != nil {
		return Stamp{}, err
	}
	defer func() {
		if err != nil {
			_ = unix.Unlinkat(dir, aside, 0) // of no use to anybody
		}
	}()
	if stamp, err = fillNew(fd, dir, aside, b, opt); err != nil {
		return Stamp{}, err
	}
	err = uninterrupted(func() error { return unix.Renameat2(dir, aside, dir, name, unix.RENAME_NOREPLACE) })
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		err = errSlow
	}
	return stamp, err
}

// fillNew writes a new file and closes it.
func fillNew(fd, dir int, name string, b []byte, opt Options) (Stamp, error) {
	err := writeAll(fd, b)
	if at := opt.modTime(); err == nil && !at.IsZero() {
		ns := at.UnixNano()
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(ns)}
		err = uninterrupted(func() error { return unix.UtimesNanoAt(dir, name, times, unix.AT_SYMLINK_NOFOLLOW) })
	}
	var st unix.Stat_t
	if err == nil {
		err = uninterrupted(func() error { return unix.Fstat(fd, &st) })
	}
	if closed := unix.Close(fd); err == nil && !errors.Is(closed, unix.EINTR) { // closed all the same, on Linux
		err = closed
	}
	return stampOf(&st), err
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		b = b[max(n, 0):]
	}
	return nil
}

// read fills p from offset at of the file called name, and returns its stamp after
// that.
func (f *fastFolder) read(root *os.Root, name string, at int64, p []byte) (Stamp, error) {
	dir, fd := f.at(root), -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // a pipe is not waited for
		return err
	})
	if err != nil {
		return Stamp{}, err
	}
	defer unix.Close(fd)
	for len(p) > 0 {
		switch n, err := unix.Pread(fd, p, at); {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return Stamp{}, err
		case n == 0:
			return Stamp{}, io.ErrUnexpectedEOF
		default:
			p, at = p[n:], at+int64(n)
		}
	}
	var st unix.Stat_t
	if err := uninterrupted(func() error { return unix.Fstat(fd, &st) }); err != nil {
		return Stamp{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return Stamp{}, errSlow // where it is said what it is
	}
	return stampOf(&st), nil
}

func stampOf(st *unix.Stat_t) Stamp {
	return Stamp{Size: st.Size, ModTime: nanoseconds(time.Unix(st.Mtim.Unix())), Inode: st.Ino}
}

// uninterrupted does again what a signal has cut short.
func uninterrupted(do func() error) error {
	for {
		if err := do(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
