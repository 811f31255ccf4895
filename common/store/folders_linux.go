package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
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

// writeNew makes b the file called name, which has no name before it is whole: who
// is killed on the way leaves nothing. It fails with fs.ErrExist if the name is
// taken, and errSlow where the file system, or the lack of /proc, forbids it.
func (f *fastFolder) writeNew(root *os.Root, name string, b []byte, opt Options) (Stamp, error) {
	dir, fd := f.at(root), -1
	err := uninterrupted(func() (err error) {
		fd, err = unix.Openat(dir, ".", unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, uint32(opt.perm()))
		return err
	})
	if err != nil { // which is of the folder: others say it better
		return Stamp{}, errSlow
	}
	self := "/proc/self/fd/" + strconv.Itoa(fd)
	stamp, err := fillNew(fd, self, b, opt)
	if err == nil {
		err = uninterrupted(func() error { return unix.Linkat(unix.AT_FDCWD, self, dir, name, unix.AT_SYMLINK_FOLLOW) })
		if err != nil && !errors.Is(err, fs.ErrExist) {
			err = errSlow
		}
	}
	if closed := unix.Close(fd); err == nil && !errors.Is(closed, unix.EINTR) { // closed all the same, on Linux
		err = closed
	}
	return stamp, err
}

// fillNew writes a new file, which is found at self.
func fillNew(fd int, self string, b []byte, opt Options) (Stamp, error) {
	if err := writeAll(fd, b); err != nil {
		return Stamp{}, err
	}
	if at := opt.modTime(); !at.IsZero() {
		times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, unix.NsecToTimespec(at.UnixNano())}
		err := uninterrupted(func() error { return unix.UtimesNanoAt(unix.AT_FDCWD, self, times, 0) })
		if err != nil {
			return Stamp{}, errSlow
		}
	}
	var st unix.Stat_t
	err := uninterrupted(func() error { return unix.Fstat(fd, &st) })
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
