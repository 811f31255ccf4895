package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// IsStream reports whether what name leads to takes bytes in order and is no file
// that could be replaced: a device, a pipe, a socket, or a descriptor by its name
// (/dev/stdout, /dev/fd/3).
func IsStream(name string) bool {
	clean := filepath.ToSlash(filepath.Clean(name))
	if clean == "/dev/stdout" || clean == "/dev/stderr" || strings.HasPrefix(clean, "/dev/fd/") || strings.HasPrefix(clean, "/proc/") {
		return true
	}
	info, err := os.Stat(name)
	return err == nil && isStream(info)
}

func isStream(info fs.FileInfo) bool { return !info.Mode().IsRegular() && !info.IsDir() }
