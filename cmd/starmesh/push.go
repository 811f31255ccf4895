package main

import (
	"fmt"
	"math"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/push"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// pushFlags say what is pushed, and to whom.
type pushFlags struct {
	wait               waitFlags
	to, via, success   string
	originUp, up, down units.Rate
}

func newPush() *cobra.Command {
	f := pushFlags{to: ".", via: system.Mesh, success: "100%"}
	cmd := &cobra.Command{
		Use:   "push FILE|FOLDER",
		Short: "Bring a file or folder to many machines, and know who has it",
		Long: `push waits for nodes, each joined with 'starmesh node --allow-push DIR', brings
them the file, and prints a receipt for each: every piece was verified by the node
as it arrived. Below DIR of each node it goes to the folder --to. Run again, only
those that lack it get it, and of another version only what differs.

Exit status 1 when fewer of --nodes have it than --min-success asks for.`,
		Example: `  starmesh push model.bin --nodes 200 --listen :7300
  starmesh push model.bin --nodes 200 --listen :7300 --to models --min-nodes 190 --min-success 95%
  starmesh push ./build --nodes 8 --listen :7300 --json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.push(cmd, args[0]) },
	}
	flags := cmd.Flags()
	f.wait.add(cmd, "wait for so many nodes")
	flags.StringVar(&f.to, "to", f.to, "put it into the folder `PATH` below what each node allows")
	flags.StringVar(&f.via, "via", f.via, "the `SYSTEM` it goes by: star, mesh or hybrid")
	flags.StringVar(&f.success, "min-success", f.success, "fail when fewer of the nodes have it than this `SHARE`")
	flags.Var(&f.originUp, "origin-up", "send no faster than this from here")
	flags.Var(&f.up, "up", "let each node send no faster than this")
	flags.Var(&f.down, "down", "let each node receive no faster than this")
	cli.AddFlags(cmd)
	_ = cmd.MarkFlagRequired("nodes") // it was added above
	return cmd
}

func (f *pushFlags) push(cmd *cobra.Command, what string) error {
	o, needed, err := f.options(cmd, what)
	if err != nil {
		return err
	}
	out := cli.ForCommand(cmd)
	receipts, err := push.Run(cmd.Context(), o, pushOutput{out})
	if err != nil {
		return err
	}
	got := 0
	for _, r := range receipts {
		out.Event("receipt", r)
		if r.Verified {
			got++
		}
	}
	if out.Mode() != cli.JSON && out.Mode() != cli.Quiet {
		t := push.Table(receipts)
		if err := t.Text(cmd.OutOrStdout(), cli.Width(cmd.OutOrStdout())); err != nil {
			return err
		}
	}
	if got < needed {
		return fault.Wrapf(fault.NoSource, "it is on %d of %s, and was to be on %d; run again, only the others get it", got, units.Counted(f.wait.Nodes, "node"), needed)
	}
	out.Note("it is on %d of %s", got, units.Counted(f.wait.Nodes, "node"))
	return nil
}

// options checks the flags; needed is how many nodes are to have it.
func (f *pushFlags) options(cmd *cobra.Command, what string) (o push.Options, needed int, err error) {
	share, err := strconv.ParseFloat(strings.TrimSuffix(f.success, "%"), 64)
	if err != nil || !(share >= 0 && share <= 100) || !strings.HasSuffix(f.success, "%") {
		return o, 0, cli.Usagef(cmd, "--min-success %q: a share such as 95%%", f.success)
	}
	via, err := system.All().Parse([]string{f.via})
	if err != nil || len(via) != 1 || via[0].Kin != nil {
		return o, 0, cli.Usagef(cmd, "--via %q: star, mesh or hybrid", f.via)
	}
	if path.IsAbs(f.to) || path.Clean(f.to) != f.to || strings.HasPrefix(f.to, "..") {
		return o, 0, cli.Usagef(cmd, "--to %q: a folder below what each node allows, as in models/today", f.to)
	}
	if err := f.wait.check(cmd, 1); err != nil {
		return o, 0, err
	}
	cache, err := store.DefaultCacheDir()
	if err != nil {
		return o, 0, fmt.Errorf("ids have no place to be remembered in: %w", err)
	}
	link := scenario.Rate{Up: float64(f.up), Down: float64(f.down)}
	o = push.Options{
		Wanted: f.wait.Wanted, Path: what, To: f.to, Via: via[0], Cache: cache,
		Rates: scenario.Rates{Origin: scenario.Rate{Up: float64(f.originUp)}, Receiver: link},
	}
	return o, int(math.Ceil(share / 100 * float64(f.wait.Nodes))), nil
}

// pushOutput is a command's output as package push knows it.
type pushOutput struct{ *cli.Output }

func (o pushOutput) Bar(title string, total int64, then time.Duration) push.Bar {
	return labOutput(o).Bar(title, total, then)
}
