package p2phost

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"starmesh/common/atomicfile"
	"starmesh/common/fault"
	"starmesh/common/stuck"
)

// maxSecret is the longest secret file, in bytes.
const maxSecret = 64 << 10

// readSecret reads a file that nobody but its owner may read. It fails with
// fault.Invalid when others may; the error of a missing file is fs.ErrNotExist.
func readSecret(file string) (string, error) {
	defer stuck.Begin()()
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the key file can not be read: %w", err)
	}
	defer f.Close() // only read from
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("the key file can not be read: %w", err)
	}
	switch {
	case info.IsDir():
		return "", fault.Wrapf(fault.Invalid, "%s is a folder, not a key file", file)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0:
		return "", fault.Wrapf(fault.Invalid, "others may read the key file %s (mode %04o): chmod 600 %s", file, info.Mode().Perm(), file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("the key file %s can not be read: %w", file, err)
	}
	if len(text) > maxSecret {
		return "", fault.Wrapf(fault.TooLarge, "the key file %s is over %d bytes: it is something else", file, maxSecret)
	}
	return string(text), nil
}

// writeSecret makes file, for its owner only, and its folder if there is none.
// The file is there whole or not at all. It fails with fs.ErrExist when there
// is such a file already.
func writeSecret(file, text string) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("the folder of the key file can not be made: %w", err)
	}
	err := atomicfile.Write(file, atomicfile.Options{Perm: 0o600, New: true}, func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("the key file can not be written: %w", err)
	}
	return nil
}

// existsKind and readKind give the fault that fits an error of a key file.
func existsKind(err error) error {
	if errors.Is(err, fs.ErrExist) {
		return fault.Exists
	}
	return fault.Invalid
}

func readKind(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fault.NotFound
	}
	return fault.Invalid
}
