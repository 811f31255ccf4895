package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/rate"
	"starmesh/common/unanswered"
)

// nodeFlags are the flags of every command that moves bytes: its limits, and
// how it is watched.
type nodeFlags struct {
	up, down units.Rate
	delay    time.Duration
	log      string
	interval time.Duration
	name     string
	trace    bool
	system   string               // "": star
	trait    string               // what is wrong with it on purpose; "": nothing
	metrics  *prometheus.Registry // nil: there are no others than ours

	agentAddr, agentToken string
	httpHosts             []string
	managed               managedFlags
}

func (f *nodeFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.up, "up", "send no faster than this, such as 20mbit or 2.5MB/s")
	flags.Var(&f.down, "down", "receive no faster than this")
	flags.DurationVar(&f.delay, "delay", 0, "see what comes over TCP so much later, as over a distance; to connect takes twice that")
	flags.StringVar(&f.log, "load-log", "", "write what this node carries to `FILE`, as JSON Lines")
	flags.DurationVar(&f.interval, "load-interval", time.Second, "time between two lines of the load log")
	flags.StringVar(&f.agentAddr, "agent", "", "answer /metrics, /load and /sockets over HTTP at `ADDR`, such as 127.0.0.1:7071")
	flags.StringVar(&f.agentToken, "agent-token-file", "", "take commands from other machines that know the token in `FILE` (or in $"+agent.TokenVariable+")")
	flags.StringSliceVar(&f.httpHosts, "http-host", nil, "over plain HTTP, be asked by the DNS `NAME` too, not only by address and the machine's own name")
	flags.StringVar(&f.name, "node", "", "name of this node in load reports (default: made of role, host and process)")
	flags.BoolVar(&f.trace, "trace", false, "print each socket step as it happens: socket, bind, listen, accept, connect, send, recv, close")
	f.managed.add(cmd)
	cli.AddFlags(cmd)
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

func (f *nodeFlags) limits() rate.Limits {
	return rate.Limits{Up: rate.New(float64(f.up)), Down: rate.New(float64(f.down)), Delay: f.delay}
}

// node is a running command that moves bytes, and all that watches it.
type node struct {
	out     *cli.Output
	meter   *load.Meter
	sockets *load.Sockets
	health  *agent.Health
	report  *load.Reporter
	limits  rate.Limits
	agent   string // the program and version, as told to others
	slow    *unanswered.Teller
	gate    *agent.Gate // nil: there is nothing to wait for
}

// run does work as a node of that role ("server", "client"), with the load log
// and the agent the flags ask for. They outlive the work, so that the last
// report is the whole truth.
func (f *nodeFlags) run(cmd *cobra.Command, role string, work func(context.Context, *node) error) error {
	if f.interval < 10*time.Millisecond {
		return cli.Usagef(cmd, "--load-interval %v: the least is 10ms", f.interval)
	}
	if f.delay < 0 {
		return cli.Usagef(cmd, "--delay %v: above zero", f.delay)
	}
	if err := checkAddress(cmd, "agent", f.agentAddr); err != nil {
		return err
	}
	if err := f.managed.check(cmd, f.agentAddr); err != nil {
		return err
	}
	cli.DateLines(cmd)
	n := &node{
		out: cli.ForCommand(cmd), meter: new(load.Meter), sockets: new(load.Sockets), health: new(agent.Health),
		limits: f.limits(), agent: "starmesh/" + cli.ThisBuild().Version,
	}
	n.slow = unanswered.NewTeller(func(text string) { n.out.Note("%s", text) })
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	f.managed.watchStdin(cmd.InOrStdin(), stop)
	n.report = load.NewReporter(f.info(role), n.meter, n.sockets)
	n.gate = f.managed.newGate(n.report)
	w, err := f.watch(n, stop)
	if err != nil {
		return err
	}
	return watched(ctx, n.out, w, func() error { return work(ctx, n) })
}

func (f *nodeFlags) info(role string) load.Info {
	host, _ := os.Hostname()
	return load.Info{
		Node:      cmp.Or(f.name, fmt.Sprintf("%s-%s-%d", role, cmp.Or(host, runtime.GOOS), os.Getpid())),
		System:    cmp.Or(f.system, system.Star),
		Role:      role,
		Version:   cli.ThisBuild().Version,
		Command:   os.Args,
		LimitUp:   float64(f.up),
		LimitDown: float64(f.down),
		Trait:     f.trait,
	}
}

// watch says how the node is watched. stop is what a manager's /stop calls.
func (f *nodeFlags) watch(n *node, stop func()) (*agent.Watch, error) {
	w := &agent.Watch{Address: f.agentAddr, Log: f.log, Interval: f.interval}
	w.Config = agent.Config{Reporter: n.report, Sockets: n.sockets, Health: n.health, Stop: stop, Names: f.httpHosts}
	if n.gate != nil {
		w.Commands = map[string]agent.Command{runner.StartCommand: n.gate.Open}
	}
	if f.metrics != nil {
		w.Gatherers = []prometheus.Gatherer{load.WellNamed(f.metrics)}
	}
	if f.agentAddr == "" {
		return w, nil
	}
	var err error
	w.Token, err = agent.ReadToken(f.agentToken)
	return w, err
}

// watched does work while w watches, and tells where its agent is.
func watched(ctx context.Context, out *cli.Output, w *agent.Watch, work func() error) error {
	if err := w.Open(ctx); err != nil {
		return err
	}
	if name := w.LogName(); name != w.Log {
		out.Note("load log: %s, for %s is of an earlier start", name, w.Log)
	}
	w.LogBroken = func(err error) { out.Warn("%s; the load log ends here, the rest goes on", cli.OneLine(err)) }
	if addr := w.Addr(); addr != nil {
		out.Event(runner.AgentEvent, map[string]string{"address": addr.String()})
		out.Note("agent: http://%s/", addr)
	}
	return w.During(work)
}
