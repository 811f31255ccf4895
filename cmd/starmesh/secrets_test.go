package main

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestNoCommandPrintsWhatIsSecretInAnAddress, be that an argument of the wrong
// command or the value of any flag: what is mistyped ends up in logs, too.
func TestNoCommandPrintsWhatIsSecretInAnAddress(t *testing.T) {
	for _, v := range []string{"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"} {
		t.Setenv(v, t.TempDir())
	}
	addresses := []string{"https://me:SECRET@host/x?sig=SECRET", "ftp://me:SECRET@host/x", "me:SECRET@127.0.0.1:1"}
	var try func(cmd *cobra.Command)
	try = func(cmd *cobra.Command) {
		for _, below := range cmd.Commands() {
			try(below)
		}
		if !cmd.Runnable() || cmd.HasSubCommands() || cmd.Name() == "key" /* which makes a file of any name */ || strings.Contains(cmd.CommandPath(), "completion") {
			return
		}
		path := strings.Fields(cmd.CommandPath())[1:]
		var lines [][]string
		for _, address := range addresses {
			lines = append(lines, slices.Concat(path, []string{address}), slices.Concat(path, []string{address, address}))
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal == "" {
				lines = append(lines, slices.Concat(path, []string{"--" + f.Name, addresses[0], "127.0.0.1:1"}))
			}
		})
		for _, line := range lines {
			t.Chdir(t.TempDir()) // some make a file, or a folder, of that name
			var said bytes.Buffer
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			status := Main(ctx, line, strings.NewReader(""), &said, &said)
			cancel()
			if status == 0 || strings.Contains(said.String(), "SECRET") {
				t.Errorf("starmesh %s: %d\n%s", strings.Join(line, " "), status, said.String())
			}
		}
	}
	try(newRoot(io.Discard))
}
