package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/units"
)

// wrongs reads --faults, and checks that every trial has receivers enough.
func (f *labFlags) wrongs(cmd *cobra.Command) ([]faultinject.Fault, error) {
	if !cmd.Flags().Changed("faults") {
		return nil, nil
	}
	all, err := faultinject.Parse(strings.Join(f.faults, ","))
	if err == nil {
		err = faultinject.Check(all, slices.Min(f.receivers))
	}
	if err != nil {
		return nil, cli.Usage(cmd, fmt.Errorf("--faults: %w", err))
	}
	return all, nil
}

// trouble is what makes the faults in each trial; nil if there are none.
func (l *lab) trouble() func(scenario.Run) (runner.Trouble, error) {
	if len(l.wrong) == 0 {
		return nil
	}
	return faultinject.Injector{Faults: l.wrong, Seed: l.seed, FileBytes: l.file.Bytes, Chunks: l.file.Chunks}.Of
}

// expect states the outcomes that are expected, before the trial.
func (l *lab) expect(trial string, all []string) {
	if len(all) > 0 {
		l.out.Event("expected", map[string]any{"trial": trial, "faults": all})
	}
	for _, text := range all {
		l.out.Note("%s: expected: %s", trial, text)
	}
}

// found tells what came of the faults, and whether all came as expected.
func (l *lab) found(t *labdir.Run) (asExpected bool) {
	asExpected = true
	for _, f := range t.Faults {
		if f.Met {
			l.out.Note("%s: %s: as expected: %s", t.Name, f.Fault, units.Printable(f.Found))
			continue
		}
		asExpected = false
		l.out.Warn("%s: %s: %s", t.Name, f.Fault, units.Printable(f.Found))
	}
	return asExpected
}
