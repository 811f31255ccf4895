package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/fault"
)

// Main runs the program with the arguments after its name and gives its exit
// status. ctx ends when the user wants it to stop.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
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
	out, text := cli.ForCommand(cmd), cli.OneLine(err)
	if before, ok := strings.CutSuffix(text, context.Canceled.Error()); ok {
		text = before + "stopped" // Ctrl-C
	}
	out.Event(runner.ErrorEvent, map[string]any{"error": text, "kind": kind(err)})
	out.Warn("%s", text)
	if hint := cli.Hint(err); hint != "" {
		fmt.Fprintln(cmd.ErrOrStderr(), hint)
	}
}

// kind names the kind of failure of err, for programs.
func kind(err error) string {
	if cli.Status(err) == cli.Misuse {
		return "usage"
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	code := fault.Code(err)
	if code == fault.Code(fault.Internal) && errors.Is(err, fs.ErrNotExist) {
		code = fault.Code(fault.NotFound) // a file here
	}
	for name, c := range fault.Codes() {
		if c == code {
			return name
		}
	}
	return fault.Internal.Error()
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
		Version:       thisBuild().Version,
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
	}
	root.SetOut(out) // before the commands for completion, which remember it
	root.AddCommand(commands()...)
	root.SetHelpCommand(newHelp(root))
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	// A group has a Run to complain of what it does not know; that does not
	// make it a command that can be used alone.
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(),
		"{{if .Runnable}}", "{{if and .Runnable (not .HasAvailableSubCommands)}}", 1) + fromEnvironment)
	strict(root)
	return root
}

// fromEnvironment ends the help of every command that has flags.
const fromEnvironment = `{{if and .Runnable (not .HasAvailableSubCommands) .HasAvailableLocalFlags}}
What is not given as a flag is taken from the environment: --some-flag from
STARMESH_SOME_FLAG, true or false for one that takes no value.
{{end}}`

// newHelp is cobra's help command, but for a topic that is not there.
func newHelp(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]...",
		Short:   "Tell more about a command",
		Example: "  starmesh help central get",
		RunE: func(cmd *cobra.Command, args []string) error {
			topic, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return cli.Usagef(root, "there is no command %q", root.Name()+" "+strings.Join(args, " "))
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

func commands() []*cobra.Command {
	return []*cobra.Command{newGet(), newCentral(), newPeer(), newCompare(), newPlan(), newLab(), newPush(), newNode(), echoCommand(), newHash(), newVersion()}
}

// strict makes every mistake in the command line of cmd and those below it a
// usage error, and a group of commands without one of them a mistake too.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		_ = cli.FromEnvironment(cmd) // how it is told; one mistake is told at a time
		return cli.Usage(cmd, err)
	})
	if cmd.HasSubCommands() && !cmd.Runnable() {
		cmd.Args = cobra.ArbitraryArgs
		cmd.RunE = group
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check(cmd, args) == nil {
				return nil
			}
			if len(args) == 0 {
				return cli.Usagef(cmd, "something is missing; it is %s", cmd.UseLine())
			}
			return cli.Usagef(cmd, "%s: wrong number of arguments; it is %s", strings.Join(args, " "), cmd.UseLine())
		}
	}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := cli.FromEnvironment(cmd); err != nil {
			return err
		}
		return cli.Usage(cmd, errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()))
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// group is what a command does that is only there to hold others.
func group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		cmd.SetOut(cmd.ErrOrStderr())
		_ = cmd.Help() // it fails only if stderr does
		return cli.Usage(cmd, cli.ErrReported)
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	for _, name := range cmd.SuggestionsFor(args[0]) {
		hint = fmt.Sprintf(" (did you mean %q?)", name)
	}
	return cli.Usagef(cmd, "there is no command %q%s", cmd.CommandPath()+" "+args[0], hint)
}
