package store

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lookup looks at what is called name below dir, following no link on the way, in
// one step of the kernel's (openat2, Linux 5.6); ok is false where it cannot do
// that, or may not. It fails as place.lstat does.
func lookup(dir *os.File, name string) (info fs.FileInfo, ok bool, err error) {
	raw, err := dir.SyscallConn()
	if err != nil {
		return nil, false, nil
	}
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC | unix.O_NOFOLLOW,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}
	at := -1
	if closed := raw.Control(func(fd uintptr) { at, err = unix.Openat2(int(fd), name, &how) }); closed != nil {
		return nil, false, nil
	}
	switch {
	case err == nil:
	case errors.Is(err, unix.ELOOP):
		return nil, true, errLink
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return nil, true, fs.ErrNotExist
	case errors.Is(err, fs.ErrPermission), isOutOfFiles(err):
		return nil, errors.Is(err, unix.EACCES) || isOutOfFiles(err), explain(err, name) // EPERM: openat2 is forbidden here
	default:
		return nil, false, nil
	}
	f := os.NewFile(uintptr(at), name)
	defer f.Close()
	info, err = f.Stat()
	return info, true, explain(err, name)
}
