// Package push brings a file or folder from this machine to nodes that have
// joined, and tells who has it. Each of them keeps it below a folder that it has
// allowed. It is one run of package runner, whose receivers live elsewhere.
package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"starmesh/cmd/internal/cli/table"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/fleet/worker"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/links"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/store"
)

// Options say what is pushed, and to whom.
type Options struct {
	worker.Wanted
	Path  string         // of a file or folder
	To    string         // the folder into which it goes, below what each node allows, with slashes
	Via   *system.System // by which it goes
	Rates scenario.Rates // limits; the zero value: none
	Cache string         // folder in which ids are remembered
}

// Observer hears how it goes.
type Observer interface {
	worker.Observer
	Bar(title string, total int64, then time.Duration) Bar
}

// Bar shows how far it is, until it is dropped.
type Bar interface {
	Add(bytes int64)
	Set(bytes int64)
	Finish(err error)
	Drop()
}

// A Receipt is what became of one node.
type Receipt struct {
	Node     string  `json:"node"`
	Verified bool    `json:"verified"` // it holds all, and has verified each piece
	ID       string  `json:"id,omitempty"`
	Bytes    int64   `json:"bytes"`
	Kept     int64   `json:"kept_bytes"` // of them, which it had before
	Seconds  float64 `json:"seconds"`    // since all were told to start
	Why      string  `json:"why,omitempty"`
}

// Run pushes, and returns a receipt for each node, those that have it first, the
// soonest before the others.
func Run(ctx context.Context, o Options, seen Observer) (all []Receipt, err error) {
	dir, leave, err := labdir.TemporaryDir("starmesh-push-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, leave()) }()
	what, isFolder, id, err := look(ctx, &o, seen)
	if err != nil {
		return nil, err
	}
	o.Command, o.Push = "node --allow-push DIR", true
	crew, err := worker.Gather(ctx, o.Wanted, seen)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, crew.Dismiss()) }()
	places, err := muster(ctx, crew, seen)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("cannot find this program to send with: %w", err)
	}
	s := scenario.Scenario{Systems: system.Table{o.Via}, Receivers: []int{len(places)}, Runs: 1, FileBytes: what.Bytes, Links: links.Rate, Rates: o.Rates}
	show := newScreen(seen, what.Bytes, places)
	result, err := runner.New(runner.Config{
		Program: program, Dir: dir, File: what, Links: links.Rate, Poll: time.Second, Cache: o.Cache, To: o.To, Folder: isFolder, Host: crew.Host(),
		Watch: runner.Watch{Event: show.event},
		Elsewhere: func(scenario.Run) ([]runner.Place, string, error) {
			return append([]runner.Place{nil}, asPlaces(places)...), "pushed", nil
		},
	}).Run(ctx, s.Sequence()[0])
	show.end()
	if err != nil {
		return nil, err
	}
	all = receipts(&result, what.Bytes, id)
	if got := slices.IndexFunc(append(all, Receipt{}), func(r Receipt) bool { return !r.Verified }); got > 1 {
		seen.Note("half of them had it after %s, 99 of 100 after %s, the last after %s", units.Measured(all[(got-1)/2].Seconds),
			units.Measured(all[(got-1)*99/100].Seconds), units.Measured(all[got-1].Seconds))
	}
	if result.Straggler != "" {
		seen.Note("%s", readable.Text(result.Straggler))
	}
	tellCopies(&result, what.Bytes, o.Via, seen)
	return all, nil
}

// muster has the nodes that are here ready, and says what is in the way of some:
// each sees by itself whether it has room.
func muster(ctx context.Context, crew *worker.Crew, seen Observer) ([]*worker.Place, error) {
	here := crew.Here()
	if len(here) == 0 {
		return nil, fault.Wrapf(fault.NoSource, "no node is here any more")
	}
	for _, text := range crew.Check(ctx, here, true, 0) {
		seen.Warn("%s", readable.Text(text))
	}
	return crew.Places(ctx, here, nil)
}

// tellCopies tells how often this machine has sent the file: once, or hardly more,
// where nodes pass it on.
func tellCopies(run *labdir.Run, bytes int64, via *system.System, seen Observer) {
	all := int64(0)
	for _, n := range run.Nodes {
		all += n.SentBytes
	}
	sent := run.Nodes[0].SentBytes
	copies := float64(sent) / float64(max(bytes, 1))
	seen.Event("sent", map[string]any{"bytes": sent, "copies": copies, "all_bytes": all})
	const many = 2
	switch {
	case !via.Relays:
	case copies >= many && sent > all/2:
		seen.Warn("this machine sent %.1f copies, and the nodes together %.1f: they do not reach each other, or are slower than this one", copies, float64(all-sent)/float64(max(bytes, 1)))
	default:
		seen.Note("this machine sent %.2f copies, and the nodes together %.2f", copies, float64(all-sent)/float64(max(bytes, 1)))
	}
}

func asPlaces(all []*worker.Place) (places []runner.Place) {
	for _, p := range all {
		places = append(places, p)
	}
	return places
}

// look looks at what is to be pushed, and hashes a file, so that no node has to
// wait for that. The id of a folder is not known before it is shared.
func look(ctx context.Context, o *Options, seen Observer) (what runner.File, isFolder bool, id string, err error) {
	if what.Path, err = filepath.Abs(o.Path); err != nil {
		return what, false, "", err
	}
	info, err := os.Stat(what.Path)
	if err != nil {
		return what, false, "", fileerr.Named(o.Path, err)
	}
	if info.IsDir() {
		if o.Via.Name != system.Mesh {
			return what, true, "", fault.Wrapf(fault.Invalid, "%s is a folder, which goes through a mesh as one thing, and not by %s", o.Path, o.Via.Words.Called)
		}
		what.Bytes, err = sizeOf(what.Path)
		return what, true, "", err
	}
	cache, err := store.OpenCache(o.Cache)
	if err != nil {
		return what, false, "", err
	}
	bar := seen.Bar("hash "+filepath.Base(what.Path), info.Size(), 0)
	list, err := store.HashFile(ctx, what.Path, cache, bar.Add)
	bar.Finish(err)
	if err != nil {
		return what, false, "", err
	}
	what.Bytes, what.Chunks = list.Size(), list.Len()
	return what, false, list.ID().String(), nil
}

// sizeOf is how many bytes the files in a folder have.
func sizeOf(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}

// receipts are those of all receivers of a run, of so many bytes. A node that has another file
// than the one of that id has none; "" is not known.
func receipts(run *labdir.Run, bytes int64, id string) (all []Receipt) {
	for _, n := range run.Nodes[1:] {
		r := Receipt{Node: n.Machine, Why: plainly(n.Failed, n.Machine)}
		if r.Why == "" {
			r.Why = n.Excused
		}
		if got := n.Receipt; got != nil && n.DoneSeconds != nil {
			r.ID, r.Bytes, r.Kept, r.Seconds = got.ID, bytes, got.KeptBytes, *n.DoneSeconds
			r.Verified, r.Why = id == "" || got.ID == id, ""
			if !r.Verified {
				r.Why = "it says that it has another file"
			}
		} else if r.Why == "" {
			r.Why = run.Error
		}
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b Receipt) int {
		switch {
		case a.Verified == b.Verified:
			return cmp.Compare(a.Seconds, b.Seconds)
		case a.Verified:
			return -1
		}
		return 1
	})
	return all
}

// Table shows receipts to people.
func Table(all []Receipt) table.Table {
	t := table.Table{Head: []string{"node", "has it", "after", "kept", "id"}}
	for _, r := range all {
		row := []string{r.Node, "no: " + readable.Cut(readable.Text(r.Why), 100), table.Missing, table.Missing, table.Missing}
		if r.Verified {
			row = []string{r.Node, "yes, " + units.Bytes(r.Bytes), units.Measured(r.Seconds), units.Bytes(r.Kept), readable.Cut(r.ID, 16)}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// plainly leaves out of why a node has failed what only a run knows: its name
// there.
func plainly(why, machine string) string {
	if _, after, ok := strings.Cut(why, machine+": "); ok {
		return after
	}
	if _, after, ok := strings.Cut(why, " ended: "); ok {
		return after
	}
	return why
}
