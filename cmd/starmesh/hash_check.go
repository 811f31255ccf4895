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
	"unicode/utf8"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/common/content"
)

// sumLine is one line of b3sum's output. Its format is b3sum's README's,
// "Checking": a name with a backslash or a newline is escaped, and the line
// then begins with a backslash; bytes that are no UTF-8 become U+FFFD.
func sumLine(id content.ID, name string) string {
	mark, name := escape(name)
	return mark + id.String() + "  " + name
}

// escape gives the name as b3sum writes it, and the mark for its line.
func escape(name string) (mark, escaped string) {
	name = strings.ToValidUTF8(filepath.ToSlash(name), string(utf8.RuneError))
	if !strings.ContainsAny(name, "\\\n") {
		return "", name
	}
	return `\`, strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(name)
}

// parseSumLine is the inverse of sumLine.
func parseSumLine(line string) (content.ID, string, error) {
	rest, escaped := strings.CutPrefix(line, `\`)
	const digits = 64
	switch {
	case len(line) == 0:
		return content.ID{}, "", errors.New("an empty line")
	case len(rest) < digits+2:
		return content.ID{}, "", errors.New("a line too short for an id and a name")
	case rest[digits:digits+2] != "  ":
		return content.ID{}, "", errors.New("no two spaces after the id")
	}
	if hex := rest[:digits]; hex != strings.ToLower(hex) {
		return content.ID{}, "", errors.New("an id in capital letters")
	}
	id, err := content.ParseID(rest[:digits])
	if err != nil {
		return content.ID{}, "", err
	}
	name := rest[digits+2:]
	if escaped {
		if name, err = unescape(name); err != nil {
			return content.ID{}, "", err
		}
	}
	return id, name, checkName(name)
}

func unescape(name string) (string, error) {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '\\' {
			b.WriteByte(name[i])
			continue
		}
		i++
		switch {
		case i < len(name) && name[i] == '\\':
			b.WriteByte('\\')
		case i < len(name) && name[i] == 'n':
			b.WriteByte('\n')
		default:
			return "", errors.New("a backslash before something else than a backslash or n")
		}
	}
	return b.String(), nil
}

// checkName refuses names that may stand for several files.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("no name after the id")
	case strings.ContainsRune(name, 0):
		return errors.New("a NUL in the name")
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
		return errors.New("a name whose bytes were lost when it was written")
	}
	return nil
}

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
		id, name, err := parseSumLine(strings.TrimSuffix(line, "\n"))
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
		return h.in, func() error { return nil }, nil
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
	got, _, err := h.hash(ctx, filepath.FromSlash(name))
	if ctx.Err() != nil {
		return ctx.Err()
	}
	mark, shown := escape(name)
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
