package main

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
)

// printableName gives a name from the network as it may be put on a terminal:
// quoted when it holds control characters, which could move the cursor or
// change colours.
func printableName(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return strconv.Quote(name)
	}
	return name
}

// trimSlashes gives a folder's name as servers know it: "photos/" and
// "/photos" are photos, "/" and "." everything.
func trimSlashes(name string) string {
	name = strings.Trim(name, "/")
	if name == "." {
		return ""
	}
	return strings.TrimPrefix(name, "./")
}

// checkAddress refuses an address to listen on that can not be one.
func checkAddress(cmd *cobra.Command, flag, address string) error {
	if address == "" {
		return nil
	}
	if err := agent.CheckAddress(address); err != nil {
		return cli.Usage(cmd, fmt.Errorf("--%s: %w", flag, err))
	}
	return nil
}
