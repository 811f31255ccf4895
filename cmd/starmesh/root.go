package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/stuck"
)

// Main runs the program with the arguments after its name and gives its exit
// status. ctx ends when the user wants it to stop.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	stderr = stuck.Writer{To: stderr}
	results := cli.NewStdout(stdout, stderr)
	root := newRoot(results)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if cli.Status(err) == cli.Misuse && slices.Contains(args, "--json") {
		_ = cmd.Flags().Set("json", "true") // what comes after the mistake was not read
	}
	reportError(cmd, err)
	return cli.Status(cmp.Or(err, results.Close()))
}

// reportError tells of the error a command ended with, once.
func reportError(cmd *cobra.Command, err error) {
	if err == nil || errors.Is(err, cli.ErrReported) {
		return
	}
	out, text := cli.ForCommand(cmd), cli.Words(cmd, err)
	if before, ok := strings.CutSuffix(text, context.Canceled.Error()); ok {
		text = before + "stopped" // Ctrl-C
	}
	out.Event(runner.ErrorEvent, map[string]any{"error": text, "kind": cli.Kind(err)})
	out.Warn("%s", text)
	if hint := cli.Hint(err); hint != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), hint)
	}
}

// newRoot builds all commands, which print to out.
func newRoot(out io.Writer) *cobra.Command {
	root := &cobra.Command{
		Use:   "starmesh",
		Short: "Send a file to many machines, from one server or through a mesh of equals",
		Long: `starmesh brings one file to many machines, verified and resumable: as a star
(one server, many clients) or as a mesh (equals that pass on what they have),
and measures what each way costs and whom it loads.`,
		Example: `  starmesh hash model.bin
  starmesh central serve ./files --listen :7070
  starmesh central get 192.0.2.1:7070 model.bin`,
		Version:       cli.ThisBuild().Version,
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
	}
	root.SetOut(out) // before the commands for completion, which remember it
	root.AddCommand(newGet(), newCentral(), newPeer(), newCompare(), newPlan(), newLab(), newPush(), newNode(),
		echoCommand(), newHash(), newVersion())
	return cli.Strict(root)
}
