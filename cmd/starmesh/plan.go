package main

import (
	"fmt"
	"math"
	"slices"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/predict"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// planFlags say what is planned.
type planFlags struct {
	receivers          []int
	size               units.Size
	originUp, up, down units.Rate
	from               string
}

func newPlan() *cobra.Command {
	f := planFlags{receivers: []int{1, 2, 4, 8, 100}, size: 16 << 20, up: 20e6 / 8, down: 100e6 / 8} // as lab run, and what that cannot
	cmd := &cobra.Command{
		Use:   "plan",
		Short: "Foretell what a star and a mesh would take, and which to choose",
		Long: `plan computes how long a file would take to reach N receivers from one server,
through a mesh, and from a server whose receivers pass it on (hybrid): the least
possible time over the given links (bound), and what to expect in practice. Without
--from, expectations rest on assumed multiples of the bound; with it, on those of
your own runs ('starmesh compare --results', or a folder of results). What is not
given is as in 'lab run'; a rate of 0 is no limit.`,
		Example: `  starmesh plan
  starmesh plan --receivers 1,4,16,64 --size 10GiB --origin-up 1gbit --up 100mbit --down 1gbit
  starmesh plan -n 30 --size 4GB --origin-up 200mbit --up 20mbit --from results/lab`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.plan(cmd) },
	}
	flags := cmd.Flags()
	flags.IntSliceVarP(&f.receivers, "receivers", "n", f.receivers, "for so many receivers; several as `N,…`")
	flags.Var(&f.size, "size", "of the file, such as 4GiB")
	flags.Var(&f.originUp, "origin-up", "the uplink of the server, or of the node that has the file (default: that of --up)")
	flags.Lookup("origin-up").DefValue = ""
	flags.Var(&f.up, "up", "the uplink of each receiver")
	flags.Var(&f.down, "down", "the downlink of each receiver")
	flags.StringVar(&f.from, "from", "", "expect what was measured in `DIR`, a folder with a results.json (or such a file)")
	cli.AddFlags(cmd)
	return cmd
}

func (f *planFlags) plan(cmd *cobra.Command) error {
	if !cmd.Flags().Changed("origin-up") {
		f.originUp = f.up
	}
	slices.Sort(f.receivers)
	q := &predict.Question{
		Receivers: slices.Compact(f.receivers), FileBytes: int64(f.size),
		OriginUp: unlimited(f.originUp), Up: unlimited(f.up), Down: unlimited(f.down),
	}
	if err := q.Check(); err != nil {
		return cli.Usage(cmd, err)
	}
	var multiples predict.Multiples = predict.Assumed{}
	out := cli.ForCommand(cmd)
	if f.from != "" {
		document, err := metrics.OpenDocument(f.from)
		if err != nil {
			return err
		}
		measured := predict.NewMeasured(document, readable.Text(f.from))
		hub, relay := system.All().Pair()
		for _, s := range (system.Table{hub, relay}) {
			if !measured.Has(s) {
				out.Warn("%s holds no run of a %s with a bound and without doubts; its times are assumed", readable.Text(f.from), s.Name)
			}
		}
		multiples = measured
	}
	p := predict.Make(q, multiples)
	if out.Mode() == cli.JSON {
		out.Event("plan", p)
		return nil
	}
	title := fmt.Sprintf("%s, origin %s up, receivers %s up and %s down", f.size, f.originUp, f.up, f.down)
	return p.Text(cmd.OutOrStdout(), title, cli.Width(cmd.OutOrStdout()))
}

// unlimited returns a rate as bounds have it.
func unlimited(r units.Rate) float64 {
	if r <= 0 {
		return math.Inf(1)
	}
	return float64(r)
}
