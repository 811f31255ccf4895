package main

import (
	"context"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/common/load"
)

// managedFlags are for nodes that another program starts: it wants several
// receivers to begin at once, and none to outlive it.
type managedFlags struct {
	hold       bool
	untilStdin bool
}

func (f *managedFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.untilStdin, runner.DieFlag, false, "end when standard input is closed, as it is when the program that started this one ends")
}

// addHold is for the commands that have something to begin with.
func (f *managedFlags) addHold(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.hold, runner.HoldFlag, false, "get ready, but fetch only when POST /"+runner.StartCommand+" comes to the agent")
}

func (f *managedFlags) check(cmd *cobra.Command, agentAddr string) error {
	if f.hold && agentAddr == "" {
		return cli.Usagef(cmd, "--%s needs --agent: that is where the command to begin comes to", runner.HoldFlag)
	}
	return nil
}

// watchStdin calls stop when standard input is closed, if the flags ask for
// that. Nothing ends the reading before: it lasts as long as the process.
func (f *managedFlags) watchStdin(in io.Reader, stop func()) {
	if !f.untilStdin {
		return
	}
	// Whoever reads what this node says may be gone as well: that must not end
	// it before its log is whole.
	signal.Ignore(syscall.SIGPIPE)
	go endWith(in, stop, giveUp)
}

// endWith calls stop when in ends, and exit when that has not ended the process
// soon: who would kill a node that hangs may be gone.
func endWith(in io.Reader, stop, exit func()) {
	_, _ = io.Copy(io.Discard, in) // however it ends, nobody is there any more
	stop()
	time.Sleep(runner.LastGrace)
	exit()
}

// newGate returns the gate that the flags ask for; nil: the node begins at once.
func (f *managedFlags) newGate(reporter *load.Reporter) *agent.Gate {
	if !f.hold {
		return nil
	}
	return agent.NewGate(reporter.Begin)
}

// mayBegin waits until the node's manager lets it begin, if it has one. From then
// on it is well while something arrives.
func (n *node) mayBegin(ctx context.Context) error {
	if n.gate != nil {
		n.out.Event(runner.HeldEvent, nil)
		n.out.Note("ready; waiting for POST /%s", runner.StartCommand)
	}
	defer n.health.Check(agent.Arriving(&n.meter.PayloadIn))
	return n.gate.Wait(ctx)
}
