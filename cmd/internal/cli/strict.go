package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Strict makes every mistake in the command line of root and the commands below
// it a usage error, and a group of commands without one of them a mistake too. It
// adds the commands that tell about commands.
func Strict(root *cobra.Command) *cobra.Command {
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
STARMESH_SOME_FLAG, true or false for one that takes no value; for one command
alone from, say, STARMESH_PEER_GET_SOME_FLAG.
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
				return Usagef(root, "there is no command %q", root.Name()+" "+strings.Join(args, " "))
			}
			topic.InitDefaultHelpFlag()
			return topic.Help()
		},
	}
}

// strict is Strict for cmd and those below it.
func strict(cmd *cobra.Command) {
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		_ = FromEnvironment(cmd) // how it is told; one mistake is told at a time
		return Usage(cmd, err)
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
				return Usagef(cmd, "something is missing; it is %s", cmd.UseLine())
			}
			return Usagef(cmd, "%s: wrong number of arguments; it is %s", strings.Join(args, " "), cmd.UseLine())
		}
	}
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := FromEnvironment(cmd); err != nil {
			return err
		}
		return Usage(cmd, errors.Join(cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups()))
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
		return Usage(cmd, ErrReported)
	}
	cmd.SuggestionsMinimumDistance = 2
	hint := ""
	for _, name := range cmd.SuggestionsFor(args[0]) {
		hint = fmt.Sprintf(" (did you mean %q?)", name)
	}
	return Usagef(cmd, "there is no command %q%s", cmd.CommandPath()+" "+args[0], hint)
}
