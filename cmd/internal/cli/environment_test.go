package cli_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
)

// TestFlagsAreSetByTheEnvironment: what is on the command line wins, also over a
// variable of a flag that it excludes.
func TestFlagsAreSetByTheEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"STARMESH_LOAD_LOG": "env.jsonl", "STARMESH_UP": "", "STARMESH_JOIN": "a,b", "STARMESH_COUNT": "7",
		"STARMESH_QUIET": "true", "STARMESH_HELP": "true",
	} {
		t.Setenv(name, value)
	}
	for _, c := range []struct {
		line    []string
		log, up string
		join    []string
		count   int
		quiet   bool
	}{
		{nil, "env.jsonl", "fast", []string{"a", "b"}, 7, true},
		{[]string{"--load-log", "f", "--join", "c", "--count", "8"}, "f", "fast", []string{"c"}, 8, true},
		{[]string{"--json"}, "env.jsonl", "fast", []string{"a", "b"}, 7, false},
	} {
		cmd := &cobra.Command{Use: "get", RunE: func(*cobra.Command, []string) error { return nil }}
		log := cmd.Flags().String("load-log", "", "")
		up := cmd.Flags().String("up", "fast", "")
		join := cmd.Flags().StringSlice("join", nil, "")
		count := cmd.Flags().Int("count", 1, "")
		cli.AddFlags(cmd)
		if err := cmd.ParseFlags(c.line); err != nil {
			t.Fatal(err)
		}
		if err := cli.FromEnvironment(cmd); err != nil {
			t.Errorf("%q: %v", c.line, err)
		}
		quiet, _ := cmd.Flags().GetBool("quiet")
		if *log != c.log || *up != c.up || !slices.Equal(*join, c.join) || *count != c.count || quiet != c.quiet {
			t.Errorf("%q: %q %q %q %d %v, want %+v", c.line, *log, *up, *join, *count, quiet, c)
		}
		if !cmd.Flags().Changed("count") || cmd.Flags().Changed("up") {
			t.Errorf("%q: what the environment gives counts as given, and nothing else", c.line)
		}
		if err := cmd.ValidateFlagGroups(); err != nil {
			t.Errorf("%q: %v", c.line, err)
		}
	}
}

// TestAVariableOfOneCommandIsNoOthers: it goes before the one of all, and what is
// a value for one command is none for the switch of another.
func TestAVariableOfOneCommandIsNoOthers(t *testing.T) {
	for name, value := range map[string]string{
		"STARMESH_LISTEN": ":1", "STARMESH_PEER_GET_LISTEN": "/ip4/0.0.0.0/tcp/2", "STARMESH_SIDECAR": "x.starmesh",
	} {
		t.Setenv(name, value)
	}
	root, peer, get, hash := &cobra.Command{Use: "starmesh"}, &cobra.Command{Use: "peer"}, &cobra.Command{Use: "get"}, &cobra.Command{Use: "hash"}
	root.AddCommand(peer, hash)
	peer.AddCommand(get)
	at, by := get.Flags().String("listen", "", ""), get.Flags().String("sidecar", "", "")
	elsewhere, switched := hash.Flags().String("listen", "", ""), hash.Flags().Bool("sidecar", false, "")
	for _, cmd := range []*cobra.Command{get, hash} {
		if err := cli.FromEnvironment(cmd); err != nil {
			t.Errorf("%s: %v", cmd.Name(), err)
		}
	}
	if *at != "/ip4/0.0.0.0/tcp/2" || *by != "x.starmesh" || *elsewhere != ":1" || *switched {
		t.Errorf("get %q %q, hash %q %v", *at, *by, *elsewhere, *switched)
	}
	t.Setenv("STARMESH_HASH_SIDECAR", "maybe")
	if err := cli.FromEnvironment(hash); err == nil || !strings.HasPrefix(err.Error(), "STARMESH_HASH_SIDECAR: ") {
		t.Errorf("it says %v", err)
	}
}

func TestAVariableThatDoesNotFitIsWrongUsage(t *testing.T) {
	t.Setenv("STARMESH_COUNT", "many")
	cmd := &cobra.Command{Use: "ping"}
	cmd.Flags().Int("count", 1, "")
	err := cli.FromEnvironment(cmd)
	if cli.Status(err) != cli.Misuse || err == nil {
		t.Fatalf("%v has the status %d", err, cli.Status(err))
	}
	if want := `STARMESH_COUNT: invalid argument "many" for "--count" flag`; len(err.Error()) < len(want) || err.Error()[:len(want)] != want {
		t.Errorf("it says %q", err)
	}
}

func TestSettingsAreNotHandedOn(t *testing.T) {
	got := cli.WithoutSettings([]string{"HOME=/", "STARMESH_UP=1mbit", "STARMESH_TOKEN=x", "STARMESH=y"}, "STARMESH_TOKEN")
	if want := []string{"HOME=/", "STARMESH_TOKEN=x", "STARMESH=y"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
