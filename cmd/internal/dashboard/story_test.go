package dashboard_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
)

const (
	storyChunks = 64
	storyFile   = storyChunks * 65536
)

// story makes up a run of a system: receivers get a chunk every 100 ms, in a
// star from the server, in a mesh each from its neighbour, and all have the
// file after 6.4 s.
func story(system string, receivers int) []labdir.Event {
	run := labdir.RunName(system, receivers, 1)
	origin, receiver := "origin", "peer"
	if system != "mesh" {
		origin, receiver = "server", "client"
	}
	name := func(i int) string {
		if i == 0 {
			return origin
		}
		return fmt.Sprintf("%s-%d", receiver, i)
	}
	begin := &labdir.Begin{
		System: system, Receivers: receivers, Repetition: 1, FileName: "story.bin", FileBytes: storyFile,
		Chunks: storyChunks, BoundSeconds: 6, Faults: []string{"nothing is to go wrong in a " + system},
	}
	for i := range receivers + 1 {
		node := labdir.Node{Name: name(i), Part: "receiver"}
		if i == 0 {
			node.Part = "origin"
		}
		begin.Nodes = append(begin.Nodes, node)
	}
	events := []labdir.Event{{Run: run, Begin: begin}}
	for step := int64(0); step <= storyChunks; step++ {
		for i := range receivers + 1 {
			r := storyReading(system, name, i, receivers, step)
			events = append(events, labdir.Event{Run: run, Seconds: float64(step) / 10, Reading: r})
		}
	}
	whole := float64(storyChunks) / 10
	return append(events,
		labdir.Event{Run: run, Seconds: 3, Note: &labdir.Note{Node: name(1), Fault: true, Text: name(1) + " is watched more closely"}},
		labdir.Event{Run: run, Seconds: whole, End: &labdir.End{DistributionSeconds: &whole, Verified: receivers}})
}

func storyReading(system string, name func(int) string, i, receivers int, step int64) *labdir.Reading {
	r := &labdir.Reading{Node: name(i), State: labdir.Running, HaveBytes: step * 65536, InBytes: step * 65536, Polls: step + 1}
	if step == storyChunks {
		r.State = labdir.Done
	}
	from, given := 0, int64(1)
	switch {
	case system == "mesh":
		from = i - 1
		if i == receivers {
			given = 0
		}
	case i == 0:
		given = int64(receivers)
	default:
		given = 0
	}
	r.OutBytes = given * step * 65536
	if i == 0 {
		r.State, r.HaveBytes, r.InBytes = labdir.Running, storyFile, 0
		return r
	}
	r.From = []labdir.Flow{{Node: name(from), Bytes: r.InBytes}}
	bits := make([]byte, storyChunks/8)
	for chunk := range step {
		bits[chunk/8] |= 1 << (chunk % 8)
	}
	r.ChunkMap = base64.StdEncoding.EncodeToString(bits)
	return r
}

// saved writes events as the folder of a lab.
func saved(t *testing.T, runs ...[]labdir.Event) string {
	t.Helper()
	dir := t.TempDir()
	for i, events := range runs {
		folder := labdir.RunDir(dir, events[0].Run)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(filepath.Join(folder, labdir.TimelineFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			if err := labdir.WriteEvent(f, &e); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		if err := os.Chtimes(f.Name(), when, when); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
