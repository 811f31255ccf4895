package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/units"
	"starmesh/common/store"
)

// Small groups of flags that several commands have.

// cacheFlags say where ids are remembered.
type cacheFlags struct {
	dir string // "": in the user's cache folder
	off bool
}

// add adds the flags; none says what --no-cache does.
func (f *cacheFlags) add(cmd *cobra.Command, none string) {
	cmd.Flags().StringVar(&f.dir, "cache", "", "remember ids in the folder `DIR` (default: in the user's cache folder)")
	cmd.Flags().BoolVar(&f.off, "no-cache", false, none)
	cmd.MarkFlagsMutuallyExclusive("cache", "no-cache")
}

// open opens the cache. Without one, ids are computed anew: slower, and no
// reason to fail.
func (f *cacheFlags) open(out *cli.Output) *store.Cache {
	if f.off {
		return nil
	}
	dir, err := f.dir, error(nil)
	if dir == "" {
		dir, err = store.DefaultCacheDir()
	}
	if err == nil {
		cache, openErr := store.OpenCache(dir)
		if openErr == nil {
			return cache
		}
		err = openErr
	}
	out.Warn("ids are not remembered: %s", cli.OneLine(err))
	return nil
}

// linkFlags say how fast links were that logs do not name.
type linkFlags struct {
	originUp, up, down units.Rate
}

func (f *linkFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Var(&f.originUp, "origin-up", "the origin's uplink, if its log does not name it, such as 20mbit")
	flags.Var(&f.up, "up", "the receivers' uplinks, if their logs do not name them")
	flags.Var(&f.down, "down", "the receivers' downlinks, if their logs do not name them")
}

func (f *linkFlags) links() runlogs.Links {
	return runlogs.Links{OriginUp: float64(f.originUp), Up: float64(f.up), Down: float64(f.down)}
}

// pingFlags say how often round trips are measured.
type pingFlags struct {
	count    int
	interval time.Duration
}

func (f *pingFlags) add(cmd *cobra.Command) {
	cmd.Flags().IntVarP(&f.count, "count", "c", 4, "how many round trips")
	cmd.Flags().DurationVarP(&f.interval, "interval", "i", time.Second, "time between two")
}

func (f *pingFlags) check(cmd *cobra.Command) error {
	if f.count < 1 || f.interval < 0 {
		return cli.Usagef(cmd, "--count must be 1 or more and --interval not negative")
	}
	return nil
}

// sayPong tells of one round trip to who.
func sayPong(out *cli.Output, who string, number int, took time.Duration) {
	out.Event("pong", map[string]any{"number": number, "seconds": took.Seconds()})
	if out.Mode() != cli.JSON && out.Mode() != cli.Quiet {
		out.Result(fmt.Sprintf("%s: %d, %s", who, number, units.Duration(took)))
	}
}
