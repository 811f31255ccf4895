package b3sum

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
	"starmesh/common/stuck"
)

// A Checked is a file that a list names.
type Checked struct {
	Name string
	OK   bool  // it has the id it should have
	Err  error // why it could not be read; nil: it could
}

// String is b3sum's line about the file.
func (c Checked) String() string {
	mark, shown := Escape(c.Name)
	switch {
	case c.OK:
		return mark + shown + ": OK"
	case c.Err == nil:
		return mark + shown + ": FAILED"
	}
	err, named := c.Err, (*fileerr.Error)(nil)
	if errors.As(err, &named) {
		err = named.Err
	}
	return fmt.Sprintf("%s%s: FAILED (%v)", mark, shown, err)
}

// Check does what b3sum --check does with a list of ids, called name: it tells of
// each file that is named there, and of each line that cannot be read.
func (h *Hasher) Check(ctx context.Context, name string, tell func(Checked), unread func(error)) error {
	list, closeList, err := h.openList(name)
	if err != nil {
		return err
	}
	defer closeList()
	lines := bufio.NewReader(list)
	for number := 1; ; number++ {
		line, err := lines.ReadString('\n')
		if line == "" && err == io.EOF {
			return nil
		}
		if err != nil && err != io.EOF {
			return fileerr.Named(name, err)
		}
		id, file, err := Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			unread(fmt.Errorf("%s, line %d: %w", name, number, err))
			continue
		}
		c, err := h.checkFile(ctx, id, file)
		if err != nil {
			return err
		}
		tell(c)
	}
}

func (h *Hasher) openList(name string) (io.Reader, func() error, error) {
	if name == "-" {
		return stuck.Reader{From: h.In}, func() error { return nil }, nil
	}
	f, err := stuck.Open(name)
	if err != nil {
		return nil, nil, fileerr.Named(name, err)
	}
	return stuck.Reader{From: f}, f.Close, nil
}

// checkFile fails only when ctx ends.
func (h *Hasher) checkFile(ctx context.Context, want content.ID, name string) (Checked, error) {
	got, _, err := h.Sum(ctx, filepath.FromSlash(name))
	return Checked{Name: name, OK: err == nil && got == want, Err: err}, ctx.Err()
}
