package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"starmesh/cmd/internal/b3sum"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
)

// check does what b3sum --check does with lists of ids.
func (h *hasher) check(ctx context.Context, lists []string) error {
	for _, name := range lists {
		if err := h.checkList(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// checkList checks the files named in one list.
func (h *hasher) checkList(ctx context.Context, listName string) error {
	list, closeList, err := h.openList(listName)
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
			return fileerr.Named(listName, err)
		}
		id, name, err := b3sum.Parse(strings.TrimSuffix(line, "\n"))
		if err != nil {
			h.fail(listName, fmt.Errorf("%s, line %d: %w", listName, number, err))
			continue
		}
		if err := h.checkFile(ctx, id, name); err != nil {
			return err
		}
	}
}

func (h *hasher) openList(name string) (io.Reader, func() error, error) {
	if name == "-" {
		return h.In, func() error { return nil }, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, nil, fileerr.Named(name, err)
	}
	return f, f.Close, nil
}

// checkFile prints whether a file has the id it should have; it fails only
// when ctx ends.
func (h *hasher) checkFile(ctx context.Context, want content.ID, name string) error {
	got, _, err := h.Sum(ctx, filepath.FromSlash(name))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	mark, shown := b3sum.Escape(name)
	ok := err == nil && got == want
	switch {
	case h.out.Mode() == cli.JSON:
		h.out.Event("check", map[string]any{"name": name, "ok": ok, "error": text(err)})
	case err != nil:
		var named *fileerr.Error
		if errors.As(err, &named) {
			err = named.Err
		}
		h.out.Result(fmt.Sprintf("%s%s: FAILED (%v)", mark, shown, err))
	case !ok:
		h.out.Result(mark + shown + ": FAILED")
	case h.out.Mode() != cli.Quiet:
		h.out.Result(mark + shown + ": OK")
	}
	h.failed = h.failed || !ok
	return nil
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return cli.OneLine(err)
}
