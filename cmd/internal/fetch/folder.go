package fetch

import (
	"context"
	"errors"
	"strings"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/stuck"
)

// ListFolder returns the files in dir that belong to its collection, without
// their ids, and the bytes in all: those that a server would show. left is what
// it would leave out.
func ListFolder(ctx context.Context, dir string) (files []content.Entry, total int64, left load.LeftOut, err error) {
	root, err := stuck.OpenRoot(dir)
	if err != nil {
		return nil, 0, left, fileerr.Named(dir, err)
	}
	defer root.Close()
	found, out, err := store.ListFolder(ctx, root)
	if err != nil {
		return nil, 0, left, fileerr.Named(dir, err)
	}
	for _, e := range found {
		files = append(files, content.Entry{Path: e.Name, Size: e.Size, Attributes: e.Attributes()})
		total += e.Size
	}
	return files, total, load.LeftOut{Count: out.Count, Files: out.Examples}, nil
}

// SayLeftOut says which files are not served, shared or put: the first few, or
// all that are known by name with --verbose.
func SayLeftOut(out Output, what string, left load.LeftOut) {
	const few = 3
	if left.Count == 0 {
		return
	}
	named, rest := left.Files, ""
	if len(named) > few && !out.Verbose() {
		named, rest = named[:few], out.Words(fault.Advise(errors.New(" …"), fault.HintMore))
	}
	verb := "are"
	if left.Count == 1 {
		verb = "is"
	}
	out.Warn("%s %s not %s: %s%s", units.Counted(left.Count, "name"), verb, what, strings.Join(named, "; "), rest)
	out.Event("left_out", left)
}
