package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/faultinject"
)

var manuals = []string{"README.md", "central/README.md", "peer/README.md", "cmd/README.md", "scripts/README.md"}

func manual(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCommandsOfTheManualsExist: every command line that a manual shows names
// a command, with flags and a number of arguments that it takes.
func TestCommandsOfTheManualsExist(t *testing.T) {
	shown := regexp.MustCompile("(?m)(?:^|`|sudo )(?:bin/)?starmesh ([a-z][^`\n]*)")
	for _, name := range manuals {
		for _, match := range shown.FindAllStringSubmatch(manual(t, name), -1) {
			line, _, _ := strings.Cut(match[1], "#")
			line, _, _ = strings.Cut(line, " | ")
			cmd, rest, err := newRoot(io.Discard).Find(strings.Fields(line))
			if err != nil || !cmd.Runnable() {
				t.Errorf("%s: starmesh %s: there is no such command (%v)", name, line, err)
			} else if err := cmd.ParseFlags(rest); err != nil {
				t.Errorf("%s: starmesh %s: %v", name, line, err)
			} else if args := cmd.Flags().Args(); strings.HasPrefix(match[0], "`") && len(args) == 0 {
				continue // a command that is only named
			} else if err := cmd.ValidateArgs(args); err != nil {
				t.Errorf("%s: starmesh %s: %v", name, line, err)
			}
		}
	}
}

// TestManualListsAllEvents holds the tables of JSON events against the code.
func TestManualListsAllEvents(t *testing.T) {
	text := manual(t, "cmd/README.md")
	_, text, _ = strings.Cut(text, "## For scripts")
	text, _, _ = strings.Cut(text, "## Compare")
	written := regexp.MustCompile(`\.Event\("([^"]+)"`)
	var events []string
	for _, name := range sources(t) {
		code, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range written.FindAllSubmatch(code, -1) {
			events = append(events, string(match[1]))
		}
	}
	if len(events) < 20 {
		t.Fatalf("only %q are written", events)
	}
	slices.Sort(events)
	for _, event := range slices.Compact(events) {
		if !strings.Contains(text, "`"+event+"`") {
			t.Errorf("cmd/README.md, \"For scripts\", does not tell of the event %q", event)
		}
	}
}

// sources returns the program's own Go files, those of tests left out.
func sources(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"*.go", "../internal/*/*.go", "../internal/*/*/*.go"} {
		some, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, some...)
	}
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
}

// TestManualListsAllFaults: with an example of how each is written.
func TestManualListsAllFaults(t *testing.T) {
	text := manual(t, "cmd/README.md")
	for _, example := range faultinject.Examples() {
		if !strings.Contains(text, "**`"+example+"`**") {
			t.Errorf("cmd/README.md does not tell of the fault %s", example)
		}
	}
}
