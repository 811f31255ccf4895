package report

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/cmd/internal/lab/system"
)

// Options say what is reported of, and how.
type Options struct {
	// Dirs are folders of lab runs or of load logs, one at least. Of several,
	// each is a set of its own: their runs stand beside each other.
	Dirs   []string
	Labels []string // of Dirs, in sentences; "" or too few: A, B, C, …
	Out    string   // folder to write to; "" is the first of Dirs
	// Links are for nodes whose logs do not name their limits.
	Links   runlogs.Links
	Program string   // version of the program
	Command []string // that makes the report, as it stands in the page
	Made    time.Time
	// Replay makes the block that shows a folder's runs again; nil, and a nil
	// result, is none. Of several folders only the first is replayed. Times are
	// the distribution times that the report has, in seconds by the run's name.
	Replay func(dir string, times map[string]float64) (*Replay, error)
	// Systems are those that logs may name; nil: system.All.
	Systems system.Table
}

// A Result tells what was made.
type Result struct {
	Headline  string
	Sentences []string          // the headline and what follows it
	Page      string            // path of report.html
	Files     []string          // all that were written
	Findings  []runlogs.Finding // what was wrong with logs
	Cases     []*metrics.Case
	// Notes tell what was missing in the folders.
	Notes []string

	out   *writer
	plots []Plot
}

// Make reads the folders and writes the report, all but its Pictures. What
// could be made is made: the error may come with a result, and then tells of
// paths that could not be read.
func Make(ctx context.Context, o Options) (*Result, error) {
	if len(o.Dirs) == 0 {
		return nil, errors.New("a report needs a folder to tell of")
	}
	if o.Systems == nil {
		o.Systems = system.All()
	}
	in, err := read(ctx, &o)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if len(in.Cases) == 0 && len(in.folders) == 0 {
		return nil, err
	}
	made, problem := write(&o, in)
	return made, errors.Join(err, problem)
}

// Pictures draws the plots as PNG too. That takes as long as all else together.
func (r *Result) Pictures() error {
	for _, p := range r.plots {
		r.out.picture(p, ".png", p.Chart.PNG)
	}
	r.Files = r.out.files
	return r.out.err
}

// input is what was read of all folders.
type input struct {
	Logs
	folders []*Folder
	replay  *Replay
}

func read(ctx context.Context, o *Options) (*input, error) {
	in := &input{}
	var all error
	for i, dir := range o.Dirs {
		set := ""
		if len(o.Dirs) > 1 {
			set = o.label(i)
		}
		if err := in.add(ctx, o, dir, set); err != nil {
			all = errors.Join(all, err)
		}
	}
	in.Cases = metrics.Compare(in.Reports)
	return in, all
}

// label names a set: by its given label, or by letter.
func (o *Options) label(i int) string {
	given := ""
	if i < len(o.Labels) {
		given = o.Labels[i]
	}
	return cmp.Or(given, string(rune('A'+i%26)))
}

// add reads one folder.
func (in *input) add(ctx context.Context, o *Options, dir, set string) error {
	folder, there := readFolder(dir)
	folder.Set = set
	nodes, findings, err := runlogs.Read(ctx, []string{dir})
	if len(nodes) == 0 && !there {
		return cmp.Or(err, fmt.Errorf("%s: holds neither load logs nor a lab run", filepath.ToSlash(dir)))
	}
	if len(nodes) == 0 && err != nil { // a lab run that never got so far
		folder.Notes = append(folder.Notes, err.Error())
		err = nil
	}
	in.Logs.add(nodes, findings, o.Links, o.Systems, set)
	if o.Replay != nil && in.replay == nil {
		replay, problem := o.Replay(dir, in.times())
		if problem != nil {
			folder.Notes = append(folder.Notes, "the runs cannot be replayed: "+problem.Error())
		}
		in.replay = replay
	}
	in.folders = append(in.folders, folder)
	return err
}

// times are the distribution times of all runs, by name.
func (in *input) times() map[string]float64 {
	times := make(map[string]float64)
	for _, r := range in.Reports {
		if t, ok := r.Value(metrics.Distribution); ok {
			times[filepath.Base(r.Dir)] = t
		}
	}
	return times
}

// page makes the page of what was read.
func (in *input) page(o *Options) *Page {
	p := in.Logs.Page(o.Made.UTC(), cmp.Or(o.Program, "of an unknown version"), o.Command)
	p.Folders, p.Replay, p.Systems = in.folders, in.replay, o.Systems
	return p
}
