package main

import (
	"strings"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
)

// sayLeftOut says which files are not served, shared or put: the first few, or
// all that are known by name with --verbose.
func sayLeftOut(out *cli.Output, what string, left load.LeftOut) {
	const few = 3
	if left.Count == 0 {
		return
	}
	named, rest := left.Files, ""
	if len(named) > few && !out.Verbose() {
		named, rest = named[:few], " …; --verbose lists more"
	}
	verb := "are"
	if left.Count == 1 {
		verb = "is"
	}
	out.Warn("%s %s not %s: %s%s", units.Counted(left.Count, "name"), verb, what, strings.Join(named, "; "), rest)
	out.Event("left_out", left)
}
