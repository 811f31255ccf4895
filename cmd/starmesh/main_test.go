package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/lab/links"
)

func TestMain(m *testing.M) {
	// Scripts wait for processes, limits and clocks more than they work.
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"starmesh": main})
}

// TestScripts runs testdata/script: each file is a story told with the real
// program, as processes of its own. Beside testscript's own commands there are
// those of script_test.go.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestHeavyScripts runs those that take too long for every day; scripts/test.sh
// sets the variable.
func TestHeavyScripts(t *testing.T) {
	if os.Getenv("STARMESH_HEAVY") == "" {
		t.Skip("STARMESH_HEAVY is not set")
	}
	runScripts(t, "testdata/heavy")
}

func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               isolate,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"random": random, "flip": flip, "start": start, "waitfor": waitFor, "field": field,
			"signal": sendSignal, "await": await, "sums": sums, "status": status, "proxy": proxy,
			"match": match, "conserved": conserved, "ended": ended,
			"freeze": freeze, "nobody": nobody, "web": web, "machines": machines, "startat": startAt, "sent": sent,
			"behind": behind, "six": six, "pause": pause, "manager": manager, "older": older, "balanced": balanced, "copies": copies,
		},
	})
}

// condition knows netns, whether this process may make network namespaces, and
// hangup, whether it hears of a terminal that goes.
func condition(name string) (bool, error) {
	switch name {
	case links.Netns:
		return links.Check(links.Netns) == nil, nil
	case "hangup": // not when the tests themselves run under nohup(1)
		return !signal.Ignored(syscall.SIGHUP), nil
	}
	return false, fmt.Errorf("there is no condition %q", name)
}

// isolate keeps what the program remembers inside the test's folder.
func isolate(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, ".home")
	for name, folder := range map[string]string{
		"HOME": home, "XDG_CACHE_HOME": home + "/cache", "XDG_CONFIG_HOME": home + "/config",
		"LocalAppData": home + "/cache", "AppData": home + "/config",
	} {
		env.Setenv(name, filepath.FromSlash(folder))
	}
	return os.MkdirAll(home, 0o700)
}

// TestFilesAreNamedAfterTheirCommands: or after the flags or the words that
// several commands share. All else is a package below cmd/internal.
func TestFilesAreNamedAfterTheirCommands(t *testing.T) {
	starts := []string{"main", "root", "flags", "say"}
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		path := strings.Fields(cmd.CommandPath())[1:]
		starts = append(starts, strings.Join(path, "_"))
		for _, sub := range cmd.Commands() {
			add(sub)
		}
	}
	for _, cmd := range newRoot(io.Discard).Commands() {
		add(cmd)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		if !slices.ContainsFunc(starts, func(start string) bool { return name == start+".go" || strings.HasPrefix(name, start+"_") }) {
			t.Errorf("%s is named after no command", name)
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines > maxLines {
		t.Errorf("the program has %d lines, over %d: what of it is neither commands nor flags nor output?", lines, maxLines)
	}
}

// maxLines is how large the program may be, in lines, without what it imports.
const maxLines = 3500
