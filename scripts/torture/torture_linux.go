package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// scenarios are all there are, in the order of the table.
func scenarios() []scenario {
	return slices.Concat(crashes(), changed(), bent(), signalled(), limits(), churns(), floods())
}

// row is what came of a scenario.
type row struct {
	scenario
	skipped string // why it was not done
	rounds  int
	failed  []string
	worst   time.Duration
}

// torture does rounds until the time is over, and prints what came of them.
func torture(c config) error {
	if c.list {
		for _, s := range scenarios() {
			fmt.Printf("%-18s %s\n", s.name, s.checks)
		}
		return nil
	}
	rows, err := chosen(c.only)
	if err != nil {
		return err
	}
	for _, p := range []*string{&c.bin, &c.dir} {
		if *p, err = filepath.Abs(*p); err != nil {
			return err
		}
	}
	return enter(func(h house) error {
		if c.table {
			return hostileTable(c, h)
		}
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return err
		}
		var disk unix.Statfs_t
		h.tmpfs = unix.Statfs(c.dir, &disk) == nil && disk.Type == unix.TMPFS_MAGIC
		for _, s := range rows {
			if s.needs != nil {
				s.skipped = s.needs(h)
			}
		}
		return rounds(c, h, rows)
	})
}

func chosen(only []string) ([]*row, error) {
	var rows []*row
	for _, s := range scenarios() {
		if len(only) == 0 || slices.Contains(only, s.name) {
			rows = append(rows, &row{scenario: s})
		}
	}
	for _, name := range only {
		if !slices.ContainsFunc(rows, func(r *row) bool { return r.name == name }) {
			return nil, fmt.Errorf("no scenario is called %q; --list names them", name)
		}
	}
	return rows, nil
}

func rounds(c config, h house, rows []*row) error {
	begin, tally := time.Now(), make(map[string]int)
	stopped := make(chan os.Signal, 1)
	signal.Notify(stopped, os.Interrupt, syscall.SIGTERM)
	// Under nohup this one is ignored, and would be by all that is started here.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	runtime.LockOSThread() // without a house the children end with this thread
	defer runtime.UnlockOSThread()

	until := begin.Add(time.Duration(c.minutes * float64(time.Minute)))
	order := rand.New(rand.NewPCG(c.seed, 0))
	for cycle := 1; ; cycle++ {
		begun := false
		for _, i := range order.Perm(len(rows)) {
			s := rows[i]
			number := cmp.Or(c.round, cycle)
			if s.skipped != "" || len(stopped) > 0 || !c.due(s, cycle, len(rows), begin, until) {
				continue
			}
			begun = true
			s.add(c, s.play(c, h, number), number, tally)
		}
		if !begun || c.round > 0 {
			break
		}
	}
	return tell(c, rows, tally, time.Since(begin))
}

// due says whether a round of it is to be begun: as many as were asked for, or
// while there is time. Among others one that waits for long takes a quarter of
// all the time at most.
func (c config) due(s *row, cycle, among int, begin, until time.Time) bool {
	switch {
	case c.round > 0:
		return true
	case among >= 5 && s.takes >= until.Sub(begin)/4:
		return false
	case c.rounds > 0:
		return cycle <= c.rounds
	default:
		return time.Now().Add(s.takes).Before(until)
	}
}

// add notes what came of a round; of a failed one it says at once how to do
// it again.
func (s *row) add(c config, o outcome, number int, tally map[string]int) {
	s.rounds++
	s.worst = max(s.worst, o.took)
	for what, n := range o.tally {
		tally[what] += n
	}
	if o.err == nil {
		fmt.Printf("ok      %s, round %d: %.1f s\n", s.name, number, o.took.Seconds())
		return
	}
	again := fmt.Sprintf("--seed %d --only %s --round %d", c.seed, s.name, number)
	if c.untimed {
		again += " --untimed"
	}
	s.failed = append(s.failed, again)
	fmt.Printf("FAILED  %s, round %d: %.1f s; again: %s\n", s.name, number, o.took.Seconds(), again)
	for line := range strings.SplitSeq(o.err.Error(), "\n") {
		fmt.Printf("        %s\n", line)
	}
}

// tell prints the table and says whether all was well.
func tell(c config, rows []*row, tally map[string]int, took time.Duration) error {
	done, failed, err := table(rows)
	if err != nil {
		return err
	}
	var told []string
	for what, n := range tally {
		told = append(told, fmt.Sprintf("%d %s", n, what))
	}
	slices.Sort(told)
	fmt.Printf("\n%d rounds, %d failed, in %.1f minutes on %d cores; seed %d", done, failed, took.Minutes(), runtime.NumCPU(), c.seed)
	if len(told) > 0 {
		fmt.Printf(": %s", strings.Join(told, ", "))
	}
	fmt.Println()
	if failed == 0 {
		return nil
	}
	fmt.Println("\nto do the failed ones again:")
	for _, s := range rows {
		for _, again := range s.failed {
			fmt.Printf("  scripts/torture.sh %s\n", again)
		}
	}
	return errTold
}

// table prints what was done, and counts rounds.
func table(rows []*row) (done, failed int, err error) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nscenario\trounds\tfailed\tworst\tchecked\n")
	for _, s := range rows {
		done, failed = done+s.rounds, failed+len(s.failed)
		switch {
		case s.skipped != "":
			fmt.Fprintf(w, "%s\t-\t-\t-\tskipped: %s\n", s.name, s.skipped)
		case s.rounds == 0:
			fmt.Fprintf(w, "%s\t0\t-\t-\tnot reached; give it more minutes\n", s.name)
		default:
			fmt.Fprintf(w, "%s\t%d\t%d\t%.1f s\t%s\n", s.name, s.rounds, len(s.failed), s.worst.Seconds(), s.checks)
		}
	}
	return done, failed, w.Flush()
}
