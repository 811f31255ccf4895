// Command torture does to the program what the world does: it kills it, cuts
// and bends its connections, changes files under its hands, fills its disks,
// and looks at what is left. scripts/torture.sh builds both and runs it.
//
// It knows the program from outside only: its command line, its events, its
// load logs, and of the mesh the protocol, which its own hostile nodes speak. What it does is drawn from a seed, so that a round that failed
// can be done again.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// config is what the command line says.
type config struct {
	bin     string        // the program to torture
	dir     string        // where rounds have their folders; those that failed stay
	minutes float64       // how long rounds are begun
	soak    time.Duration // how long one soak takes
	seed    uint64
	only    []string // scenarios; empty: all
	round   int      // this round of each scenario alone; 0: as many as there is time for
	rounds  int      // so many of each; 0: as many as there is time for
	untimed bool     // what came of it is judged, not how long it took
	list    bool
	table   bool // of what hostile nodes cost the honest
}

func main() {
	if len(os.Args) == 6 && os.Args[1] == "foreign" {
		if err := runForeign(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "foreign:", err)
			os.Exit(1)
		}
		return
	}
	c, err := parse(os.Args[1:])
	if err == nil {
		err = torture(c)
	}
	switch {
	case err == nil || errors.Is(err, flag.ErrHelp):
		return
	case !errors.Is(err, errTold):
		fmt.Fprintln(os.Stderr, "torture:", err)
	}
	os.Exit(1)
}

// errTold is a failure that somebody else has put into words.
var errTold = errors.New("told already")

func parse(args []string) (config, error) {
	c := config{seed: uint64(time.Now().UnixNano()) % 1e6}
	f := flag.NewFlagSet("torture", flag.ContinueOnError)
	f.StringVar(&c.bin, "bin", "bin/starmesh", "the program")
	f.StringVar(&c.dir, "dir", "results/torture", "folder for the rounds; those that failed stay there")
	f.Float64Var(&c.minutes, "minutes", 2, "begin no round after so long")
	f.DurationVar(&c.soak, "soak", 15*time.Second, "how long one round of soak takes")
	f.Uint64Var(&c.seed, "seed", c.seed, "what the rounds are drawn from")
	f.Func("only", "the scenario `NAME`, or several, with commas; may be repeated", func(s string) error {
		c.only = append(c.only, strings.Split(s, ",")...)
		return nil
	})
	f.IntVar(&c.round, "round", 0, "this round of each scenario alone, as a failed one is named")
	f.IntVar(&c.rounds, "rounds", 0, "so many rounds of each scenario that is not longer than a quarter of --minutes, however long they take")
	f.BoolVar(&c.untimed, "untimed", false, "judge what came of it and not how long it took, for a busy machine; who hangs still fails")
	f.BoolVar(&c.table, "hostile-table", false, "print what each kind of hostile node costs the honest")
	f.BoolVar(&c.list, "list", false, "list the scenarios")
	if err := f.Parse(args); err != nil {
		return c, err
	}
	if f.NArg() > 0 {
		return c, fmt.Errorf("takes flags only, not %q", f.Args())
	}
	return c, nil
}
