package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab"
	"starmesh/common/load"
)

// build says which build of the program this is.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"`
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersion() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Say which build of the program this is",
		Example: `  starmesh version
  starmesh version --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if asJSON, _ := cmd.Flags().GetBool("json"); asJSON {
				fmt.Fprintln(cmd.OutOrStdout(), cli.EventLine("version", b))
				return nil
			}
			return b.print(cmd.OutOrStdout())
		},
	}
	cmd.Flags().Bool("json", false, "print one JSON object")
	return cmd
}

// thisBuild reads what the Go linker noted.
func thisBuild() build {
	b := build{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = info.Main.Version
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.time":
			b.Time = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (b build) print(w io.Writer) error {
	text := "starmesh " + b.Version
	if b.Revision != "" {
		text += fmt.Sprintf("\nrevision %s, %s", b.Revision, b.Time)
		if b.Modified {
			text += ", with changes"
		}
	}
	_, err := fmt.Fprintf(w, "%s\n%s, %s\n", text, b.Go, b.Platform)
	return err
}

// thisProgram is how reports name this program.
func thisProgram() lab.Program {
	return lab.Program{Version: thisBuild().Version, Command: load.WithoutSecrets(os.Args)}
}
