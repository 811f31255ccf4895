package runlogs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/load"
	"starmesh/common/stuck"
)

// Ext is how the names of load logs in a folder end.
const Ext = ".jsonl"

// Read reads the logs that paths name: files, folders (all files in and below
// them whose names end in .jsonl) and patterns as in filepath.Match. Nodes come
// in the order of the names. Logs that give nothing are left out, as findings
// tell. The error is about a path that names nothing or cannot be read; what
// was read besides is given too.
func Read(ctx context.Context, paths []string) ([]*Node, []Finding, error) {
	files, err := expand(paths)
	r := &reader{seen: make(map[identity]string), records: make(map[string]*labdir.Run)}
	for _, name := range files {
		if ctx.Err() != nil {
			return nil, nil, ctx.Err()
		}
		err = errors.Join(err, r.read(name))
	}
	return r.nodes, r.findings, err
}

// expand lists the files that paths stand for, each once.
func expand(paths []string) (files []string, err error) {
	seen := make(map[string]bool)
	add := func(name string) {
		if clean := filepath.Clean(name); !seen[clean] {
			seen[clean] = true
			files = append(files, clean)
		}
	}
	for _, path := range paths {
		names, problem := matches(path)
		err = errors.Join(err, problem)
		for _, name := range names {
			err = errors.Join(err, below(name, add))
		}
	}
	return files, err
}

// matches returns the names that a path or pattern stands for.
func matches(path string) ([]string, error) {
	if _, err := os.Lstat(path); err == nil || !strings.ContainsAny(path, "*?[") {
		return []string{path}, nil
	}
	names, err := filepath.Glob(path)
	if err != nil || len(names) == 0 { // a file of such a name is no pattern to people
		return nil, fmt.Errorf("%s: there is no such file", path)
	}
	return names, nil
}

// below calls add with the file of that name or, of a folder, with the logs in
// it.
func below(name string, add func(string)) error {
	info, err := os.Stat(name)
	if err != nil {
		return fileerr.Named(name, err)
	}
	if !info.IsDir() {
		add(name)
		return nil
	}
	count := 0
	err = filepath.WalkDir(name, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fileerr.Named(path, err)
		}
		if !d.IsDir() && strings.HasSuffix(path, Ext) {
			count++
			add(path)
		}
		return nil
	})
	if err == nil && count == 0 {
		err = fmt.Errorf("%s: there is no load log (*%s) in this folder", filepath.ToSlash(name), Ext)
	}
	return err
}

// identity tells processes apart.
type identity struct {
	node, system, host string
	pid                int
	last               string // the time of the last line
}

// reader collects what is read.
type reader struct {
	nodes    []*Node
	findings []Finding
	seen     map[identity]string    // the file that has it
	records  map[string]*labdir.Run // by folder; nil: there is none
}

func (r *reader) find(f Finding) { r.findings = append(r.findings, f) }

func (r *reader) read(name string) error {
	f, err := openLog(name)
	if err != nil {
		return err
	}
	defer f.Close()
	log, problems, err := load.ReadLog(f)
	shown := filepath.ToSlash(name)
	var n *Node
	if log.Last() != nil {
		n = newNode(shown, &log)
		n.note(r.recordIn(path.Dir(shown)))
	}
	for _, p := range problems {
		if p.Line == 0 && n != nil && log.Start != nil && n.killedOnPurpose() {
			continue // a fault of the lab: no final report is to be expected
		}
		r.find(Finding{File: shown, Line: p.Line, Text: p.Text})
	}
	if err != nil {
		return fileerr.Named(name, err)
	}
	if n == nil {
		r.find(Finding{File: shown, Text: "not a load log; left out", LeftOut: true})
		return nil
	}
	if wrong := absurd(log.Last()); wrong != "" {
		r.find(Finding{File: shown, Text: wrong + "; left out", LeftOut: true})
		return nil
	}
	r.take(n)
	return nil
}

// openLog opens a file that may be a load log. The caller closes it.
func openLog(name string) (*os.File, error) {
	f, err := stuck.Open(name)
	if err != nil {
		return nil, fileerr.Named(name, err)
	}
	if info, err := f.Stat(); err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		f.Close()
		return nil, fmt.Errorf("%s: not a file; save the log first", filepath.ToSlash(name))
	}
	return f, nil
}

// absurd tells of numbers that no node reaches, but with which sums would
// overflow.
func absurd(last *load.Report) string {
	const maxBytes, maxSeconds = 1 << 50, 1e9 // a pebibyte; 31 years
	times := []float64{last.ElapsedSeconds}
	if last.HeldSeconds != nil {
		times = append(times, math.Abs(*last.HeldSeconds))
	}
	bytes := []int64{last.PayloadOutBytes, last.PayloadInBytes, last.OtherOutBytes, last.OtherInBytes}
	if last.WireOutBytes != nil {
		bytes = append(bytes, *last.WireOutBytes)
	}
	for _, t := range last.Transfers {
		times, bytes = append(times, math.Abs(t.BeginSeconds)), append(bytes, t.SizeBytes)
		if t.EndSeconds != nil {
			times = append(times, math.Abs(*t.EndSeconds))
		}
	}
	if largest := slices.Max(bytes); largest > maxBytes {
		return fmt.Sprintf("it tells of %d bytes, more than one node can have carried", largest)
	}
	if largest := slices.Max(times); largest > maxSeconds {
		return fmt.Sprintf("it tells of %g seconds, longer than any node has run", largest)
	}
	return ""
}

// take adds a node unless its log was given already under another name.
func (r *reader) take(n *Node) {
	id := identity{n.Node, n.System, n.Host, n.PID, n.Last.Time}
	if other, there := r.seen[id]; there {
		r.find(Finding{File: n.File, Text: "the same log as " + other + "; left out", LeftOut: true})
		return
	}
	r.seen[id] = n.File
	r.nodes = append(r.nodes, n)
}
