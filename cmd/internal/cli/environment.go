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
// STARMESH_LOAD_LOG is --load-log.
func Variable(flag string) string {
	return settings + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
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
		value := os.Getenv(Variable(f.Name))
		if value == "" || f.Changed || f.Name == "help" {
			return
		}
		for _, group := range groups(f) {
			if taken[group] {
				return
			}
		}
		if err := cmd.Flags().Set(f.Name, value); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", Variable(f.Name), err))
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
