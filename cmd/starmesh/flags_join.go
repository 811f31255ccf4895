package main

import (
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/fleet/worker"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// joinFlags say how a node joins a manager, and what it lets that have done.
type joinFlags struct {
	name     string
	maxSize  units.Size
	maxTime  time.Duration
	retryFor time.Duration
	keep     string // folder in which pushed files stay; "": none are taken
}

func (f *joinFlags) add(cmd *cobra.Command) {
	host, _ := os.Hostname()
	f.name, f.maxSize = fleet.NameOf(host), 1<<40
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", f.name, "the node's `NAME`; one that is taken gets a number")
	flags.Var(&f.maxSize, "max-size", "take no larger file")
	flags.DurationVar(&f.maxTime, "max-time", 24*time.Hour, "end a transfer that takes longer")
	flags.DurationVar(&f.retryFor, "retry-for", 2*time.Minute, "while the manager cannot be reached, try for so long")
	cli.AddFlags(cmd)
}

// join joins the manager at addr and works for it until it is over.
func (f *joinFlags) join(cmd *cobra.Command, addr string) error {
	if strings.Contains(addr, "#") {
		return cli.Usagef(cmd, "the code does not belong on the command line, where everyone on this machine can read it: %s=CODE %s ADDR, or leave it out and type it",
			fleet.CodeVariable, cmd.CommandPath())
	}
	if !fleet.IsName(f.name) {
		return cli.Usagef(cmd, "--name %q: letters, digits, '-', '_' and '.'", f.name)
	}
	code, err := readCode(cmd)
	if err != nil {
		return err
	}
	out := cli.ForCommand(cmd)
	j := fleet.Joining{Manager: addr, Code: code, Hello: f.hello()}
	j.Joined = func(w fleet.Welcome) {
		out.Event("joined", map[string]string{"name": w.Name, "manager": addr, "program": w.Program})
		out.Note("joined %s as %s; Ctrl-C leaves", addr, w.Name)
		if w.Beside != "" {
			out.Warn("%s is on this machine too, and shares what it has", w.Beside)
		}
		if w.Program != j.Hello.Program {
			out.Warn("the manager runs starmesh %s, and this is %s", readable.Text(w.Program), j.Hello.Program)
		}
	}
	err = worker.Join(cmd.Context(), worker.Config{
		Keep: f.keep, MaxBytes: int64(f.maxSize), MaxTime: f.maxTime, Told: func(text string) { out.Note("%s", text) },
	}, j, f.retryFor,
		func(why error, wait time.Duration) { out.Waiting(addr, why, wait) })
	return stoppedIsFine(cmd.Context(), err)
}

// hello is what the node says of itself.
func (f *joinFlags) hello() fleet.Hello {
	host, _ := os.Hostname() // it may have none
	return fleet.Hello{
		Program: cli.ThisBuild().Version, Name: f.name, Host: readable.Cut(readable.Text(host), 60),
		OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(), Push: f.keep != "",
	}
}

// readCode takes the code from the environment, of which processes that are
// started get none of it, or else from standard input. ADDR#CODE will do.
func readCode(cmd *cobra.Command) (fleet.Code, error) {
	if code, ok, err := fleet.CodeFromEnvironment(); ok {
		return code, err
	}
	text, err := cli.ReadLine(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), "code")
	if err != nil {
		return fleet.Code{}, err
	}
	if _, code, ok := strings.Cut(text, "#"); ok {
		text = code
	}
	return fleet.ParseCode(text)
}

// waitFlags say which nodes a manager waits for.
type waitFlags struct{ worker.Wanted }

func (f *waitFlags) add(cmd *cobra.Command, what string) {
	flags := cmd.Flags()
	flags.IntVar(&f.Nodes, "nodes", 0, what)
	flags.StringVar(&f.Listen, "listen", "", "let them join at `ADDR`, such as :7300; the code is made, or taken from $"+fleet.CodeVariable)
	flags.IntVar(&f.Min, "min-nodes", 0, "go on with so many of them when no more come, or some leave")
	flags.BoolVar(&f.Once, "once", false, "make a code for each of them, good for one to join")
	cmd.MarkFlagsRequiredTogether("nodes", "listen")
}

// check checks the flags, of which least is how many nodes make sense, and
// makes the codes.
func (f *waitFlags) check(cmd *cobra.Command, least int) error {
	if f.Nodes < least || f.Nodes > 1000 || f.Min < 0 || f.Min > f.Nodes {
		return cli.Usagef(cmd, "--nodes %d --min-nodes %d: from %d to 1000", f.Nodes, f.Min, least)
	}
	code, given, err := fleet.CodeFromEnvironment()
	switch {
	case err != nil:
		return err
	case given && f.Once:
		return cli.Usagef(cmd, "--once makes the codes itself: $%s is in the way", fleet.CodeVariable)
	case given:
		f.Given = []fleet.Code{code}
	}
	f.Program = cli.ThisBuild().Version
	return checkAddress(cmd, "listen", f.Listen)
}
