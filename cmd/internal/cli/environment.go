package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// settings is what the variables that set flags begin with.
const settings = "STARMESH_"

// Variable returns the name of the environment variable that sets a flag:
// STARMESH_LOAD_LOG is --load-log, of any command that has it.
func Variable(flag string) string { return variable([]string{flag}) }

func variable(words []string) string {
	return settings + strings.ToUpper(strings.ReplaceAll(strings.Join(words, "_"), "-", "_"))
}

// OwnVariable returns the name of the one that sets a flag of cmd alone:
// STARMESH_PEER_GET_LOAD_LOG.
func OwnVariable(cmd *cobra.Command, flag string) string {
	return variable(append(strings.Fields(cmd.CommandPath())[1:], flag))
}

// fromVariable is what the environment says of a flag of cmd, "" for nothing, and
// which variable does. What another command reads as a value is none for a switch.
func fromVariable(cmd *cobra.Command, f *pflag.Flag) (name, value string) {
	name = OwnVariable(cmd, f.Name)
	if value = os.Getenv(name); value != "" || isSwitch(f) && hasValue(cmd.Root(), f.Name) {
		return name, value
	}
	name = Variable(f.Name)
	return name, os.Getenv(name)
}

func isSwitch(f *pflag.Flag) bool { return f.NoOptDefVal != "" }

// hasValue reports whether a command has a flag of that name which is no switch.
func hasValue(cmd *cobra.Command, name string) bool {
	f := cmd.Flags().Lookup(name)
	return f != nil && !isSwitch(f) || slices.ContainsFunc(cmd.Commands(), func(below *cobra.Command) bool { return hasValue(below, name) })
}

// FromEnvironment gives the flags of cmd that are not on its command line the
// values of their variables, if those are not empty. One that must not stand
// beside a flag on the command line gives way. A value that does not fit is an
// error in the command line.
func FromEnvironment(cmd *cobra.Command) error {
	taken := make(map[string]bool) // groups of flags that exclude each other
	groups := func(f *pflag.Flag) []string { return f.Annotations["cobra_annotation_mutually_exclusive"] }
	cmd.Flags().Visit(func(f *pflag.Flag) {
		for _, group := range groups(f) {
			taken[group] = true
		}
	})
	var wrong []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name, value := fromVariable(cmd, f)
		if value == "" || f.Changed || f.Name == "help" {
			return
		}
		for _, group := range groups(f) {
			if taken[group] {
				return
			}
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	})
	return Usage(cmd, errors.Join(wrong...))
}

// WithoutSettings returns an environment without the variables that set flags,
// but for the secret ones that are named: for a program that is to do what its
// command line says and nothing else.
func WithoutSettings(environment []string, secrets ...string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return strings.HasPrefix(name, settings) && !slices.Contains(secrets, name)
	})
}
