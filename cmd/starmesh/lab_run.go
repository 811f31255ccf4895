package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/links"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
)

// labFlags say what a lab is to do.
type labFlags struct {
	receivers []int
	systems   []string
	file      string
	size      units.Size
	links     labLinks
	faults    []string
	seed      uint64
	runs      int
	anyway    bool
	joined    waitFlags
	origin    string
	folder    lab.Folder
	watching  lab.Watching
}

// labLinks are the flags about links.
type labLinks struct {
	kind               string
	originUp, up, down units.Rate
	profile            string
	delay              time.Duration
}

func newLabRun() *cobra.Command {
	f := labFlags{
		receivers: []int{1, 2, 4, 8}, systems: []string{system.Star, system.Mesh}, size: 16 << 20, runs: 1, seed: 1,
		links:    labLinks{kind: links.Rate, up: 20e6 / 8, down: 100e6 / 8},
		watching: lab.Watching{Poll: 250 * time.Millisecond},
	}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Send one file to many receivers through each system, and measure",
		Long: `run is the manager of a lab. It starts every node as a process of its own on this
machine, waits until all are ready, starts the receivers together, asks the
agents of all nodes for their readings again and again, compares every received
file with the original byte for byte, and ends all nodes. Before that it measures
what one receiver costs this machine, and refuses what its processors, memory or
disk cannot carry: such times would tell about them. It does that for each
system, number of receivers and run, in turns, over the same links, and leaves a
folder: the load logs of all nodes, results.json, results.csv, results.md, plots
and report.html, which needs no network and can be mailed.

Systems are star (raw TCP), http (the same files over HTTP: once with one
connection for all requests and once with one for each), mesh, and hybrid (a
server whose receivers pass on what they have). Ctrl-C stops
all nodes and keeps what was measured.

--profile FILE gives single nodes other links, a line each: NODES UP DOWN, where
NODES is origin, 3, 1-4 or 5- (receivers), as in "1-4 5mbit 40mbit".`,
		Example: `  starmesh lab run
  starmesh lab run --receivers 1,2,4,8 --size 4MiB --systems star,http,mesh --runs 3 --out results/lab
  starmesh lab run --file model.bin --receivers 16 --up 5mbit --down 40mbit --origin-up 50mbit
  starmesh lab run --receivers 4 --dashboard 127.0.0.1:8080 --show-polls
  sudo starmesh lab run --links netns --receivers 8`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	f.add(cmd)
	return cmd
}

func (f *labFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntSliceVarP(&f.receivers, "receivers", "n", f.receivers, "numbers of receivers, `N,…`")
	flags.StringSliceVar(&f.systems, "systems", f.systems, "star, http, mesh and hybrid, in the order in which they take turns")
	flags.VarP(&f.size, "size", "s", "size of a made-up file of random bytes")
	flags.StringVar(&f.file, "file", "", "send this `FILE` instead")
	flags.IntVar(&f.runs, "runs", f.runs, "how often each is done, to see by how much times differ")
	flags.StringVar(&f.links.kind, "links", f.links.kind, "rate: the program limits itself; netns: shaped by the kernel, in network namespaces (Linux, root); real: those of machines that join, measured first unless --up or --down says what they are")
	flags.Var(&f.links.up, "up", "uplink of every node; 0 is no limit")
	flags.Var(&f.links.down, "down", "downlink of every node; 0 is no limit")
	flags.Var(&f.links.originUp, "origin-up", "uplink of the origin (default: that of --up)")
	flags.Lookup("origin-up").DefValue = ""
	flags.DurationVar(&f.links.delay, "delay", 0, "how long everything is on its way from one node to another; a round trip is twice that")
	flags.StringVar(&f.links.profile, "profile", "", "read the links of single nodes from `FILE`")
	flags.StringSliceVar(&f.faults, "faults", nil, "what is to go wrong, of "+strings.Join(faultinject.Examples(), ", "))
	flags.StringVarP(&f.folder.Dir, "out", "o", "", "leave everything in the folder `DIR` (default: a new one below results)")
	flags.Uint64Var(&f.seed, "seed", f.seed, "of the made-up file, and of whatever is chosen at random")
	flags.BoolVar(&f.anyway, "anyway", false, "do also what this machine cannot carry honestly, as it has measured before")
	w := &f.watching
	flags.StringVar(&w.Dashboard, "dashboard", "", "show it live to browsers at `ADDR`, such as 127.0.0.1:8080; its buttons work from other machines with the token in "+agent.TokenVariable)
	flags.DurationVar(&w.Poll, "poll-interval", w.Poll, "time between two questions to each agent")
	flags.BoolVar(&w.ShowPolls, "show-polls", false, "print every question to an agent and its answer")
	flags.DurationVar(&w.Stall, "stall-limit", 0, "give a run up when nothing arrives for so long (default: 1m, or five times its bound)")
	flags.BoolVar(&f.folder.Keep, "keep-files", false, "keep the made-up file and all received copies")
	flags.BoolVar(&f.folder.Force, "force", false, "replace the lab that is in DIR")
	f.joined.add(cmd, "run over so many machines, which join with 'starmesh lab node'")
	flags.StringVar(&f.origin, "origin", "", "have the node of this `NAME` send the file (default: the first that joins)")
	cli.AddFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("size", "file")
}

// scenario checks the flags and makes the scenario of them.
func (f *labFlags) scenario(cmd *cobra.Command) (*scenario.Scenario, error) {
	s := &scenario.Scenario{Runs: f.runs, FileBytes: int64(f.size), Delay: f.links.delay, Seed: f.seed}
	if f.watching.Poll < 20*time.Millisecond || f.watching.Stall < 0 {
		return nil, cli.Usagef(cmd, "--poll-interval is 20ms at the least, and --stall-limit above zero")
	}
	if err := cmp.Or(checkAddress(cmd, "dashboard", f.watching.Dashboard), f.overMachines(cmd)); err != nil {
		return nil, err
	}
	s.Receivers, s.Links = f.receivers, f.links.kind
	var err error
	if s.Systems, err = system.All().Parse(f.systems); err != nil {
		return nil, cli.Usage(cmd, fmt.Errorf("--systems: %w", err))
	}
	if f.file != "" {
		if s.FileBytes, err = sizeOf(f.file); err != nil {
			return nil, err
		}
	}
	if s.Rates, err = f.links.rates(cmd); err != nil {
		return nil, err
	}
	if err := s.Check(); err != nil {
		return nil, cli.Usage(cmd, err)
	}
	if err := links.Check(f.links.kind); err != nil && (f.joined.Nodes == 0 || f.links.kind != links.Real) {
		if errors.Is(err, fault.Invalid) {
			return nil, cli.Usage(cmd, fmt.Errorf("--links: %w", err))
		}
		return nil, err
	}
	return s, nil
}

// sizeOf is the size of a file in bytes.
func sizeOf(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, fileerr.Named(path, err)
	}
	if !info.Mode().IsRegular() {
		return 0, fault.Wrapf(fault.Invalid, "%s is not a file", path)
	}
	return info.Size(), nil
}

// overMachines checks the flags about machines that join, and gives those that
// are not set what suits them.
func (f *labFlags) overMachines(cmd *cobra.Command) error {
	changed := cmd.Flags().Changed
	if !changed("nodes") {
		for _, name := range []string{"min-nodes", "once", "origin"} {
			if changed(name) {
				return cli.Usagef(cmd, "--%s is about machines that join: --nodes N --listen ADDR", name)
			}
		}
		return nil
	}
	if f.links.kind == links.Netns {
		return cli.Usagef(cmd, "--links netns is of this machine alone: over machines that join they are real, or rate")
	}
	if !changed("receivers") {
		f.receivers = []int{f.joined.Nodes - 1}
	}
	if !changed("links") {
		f.links.kind = links.Real
	}
	if f.links.kind == links.Real {
		for name, rate := range map[string]*units.Rate{"up": &f.links.up, "down": &f.links.down} {
			if !changed(name) {
				*rate = 0
			}
		}
	}
	return f.joined.check(cmd, 2) // the origin is one of them
}

func (l *labLinks) rates(cmd *cobra.Command) (r scenario.Rates, err error) {
	r.Receiver = scenario.Rate{Up: float64(l.up), Down: float64(l.down)}
	r.Origin = r.Receiver
	if cmd.Flags().Changed("origin-up") {
		r.Origin.Up = float64(l.originUp)
	}
	if l.profile == "" {
		return r, nil
	}
	r.Profile, err = fileerr.Read(l.profile, func(f *os.File) ([]scenario.Exception, error) { return scenario.ParseProfile(f) })
	return r, err
}

// wrongs reads --faults, and checks that every run has receivers enough.
func (f *labFlags) wrongs(cmd *cobra.Command) (lab.Faults, error) {
	if !cmd.Flags().Changed("faults") {
		return lab.Faults{}, nil
	}
	all, err := faultinject.Parse(strings.Join(f.faults, ","))
	if err == nil {
		err = faultinject.Check(all, slices.Min(f.receivers))
	}
	if err != nil {
		return lab.Faults{}, cli.Usage(cmd, fmt.Errorf("--faults: %w", err))
	}
	return lab.Faults{Words: f.faults, Parsed: all}, nil
}

func (f *labFlags) run(cmd *cobra.Command) error {
	s, err := f.scenario(cmd)
	if err != nil {
		return err
	}
	wrong, err := f.wrongs(cmd)
	if err != nil {
		return err
	}
	out := cli.ForCommand(cmd)
	made, err := lab.Run(cmd.Context(), lab.Options{
		Scenario: s, Faults: wrong, File: f.file, Folder: f.folder, Anyway: f.anyway, Joined: lab.Joined{Wanted: f.joined.Wanted, Origin: f.origin}, Watching: f.watching, Program: thisProgram(),
	}, labOutput{out})
	if made == nil {
		return err
	}
	err = errors.Join(err, showCases(out, cmd.OutOrStdout(), made.Cases))
	sayReport(out, made)
	return err
}

// showCases prints what was measured.
func showCases(out *cli.Output, stdout io.Writer, cases []*metrics.Case) error {
	if out.Mode() == cli.JSON {
		for _, c := range cases {
			out.Event("case", c)
		}
		return nil
	}
	out.Note("%s", "")
	return report.Overview(stdout, cases, cli.Width(stdout))
}

// labOutput is a command's output as package lab knows it.
type labOutput struct{ *cli.Output }

func (o labOutput) Bar(title string, total int64, then time.Duration) lab.Bar {
	bar := o.Output.Bar(title, total)
	bar.Then(then)
	bar.Start()
	return bar
}

func (labOutput) Words(err error) string { return cli.OneLine(err) }
