package report_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/load"
)

// What made-up runs have in common: a file of 1,000,000 bytes over links of
// 1,000,000 bytes per second, so that a star needs as many seconds as it has
// receivers, and a mesh hardly more than one.
const (
	fileBytes = 1_000_000
	linkRate  = 1_000_000.0
)

var fileID = fmt.Sprintf("%064d", 7)

// began is when the first run of a folder started.
var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// made is a run to be made up.
type made struct {
	system     string
	receivers  int
	repetition int
	slower     float64 // times all is slower; 0 is 1
	undone     int     // receivers that never got the whole file
	queue      int     // connections that wait at first to be accepted by a server
	name       func(i int) string
}

// write writes the logs of the run into a folder below dir, as the lab does.
func (m made) write(t *testing.T, dir string) {
	t.Helper()
	folder := labdir.RunDir(dir, labdir.RunName(m.system, m.receivers, m.repetition))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	start := began.Add(time.Duration(m.receivers*1000+m.repetition*100) * time.Second)
	m.origin().write(t, folder, 0, start)
	for i := 1; i <= m.receivers; i++ {
		m.receiver(i).write(t, folder, i, start)
	}
}

func (m made) seconds() float64 {
	seconds := 1.05
	if m.system != "mesh" {
		seconds = float64(m.receivers)
	}
	return seconds * max(m.slower, 1)
}

// node is what a made-up node carried, evenly over its time.
type node struct {
	info    load.Info
	out, in int64
	seconds float64
	queue   int // connections that wait to be accepted, fewer and fewer
	fetches bool
	state   string
}

func (m made) info(i int, role string) load.Info {
	name := fmt.Sprintf("%s-%d", role, i)
	if i == 0 {
		name = role
	}
	if m.name != nil {
		name = m.name(i)
	}
	return load.Info{Node: name, System: m.system, Role: role, Version: "v1", LimitUp: linkRate, LimitDown: 5 * linkRate}
}

func (m made) origin() node {
	if m.system == "mesh" {
		return node{info: m.info(0, "origin"), out: m.given(), seconds: m.seconds()}
	}
	return node{info: m.info(0, "server"), out: fileBytes * int64(m.receivers), seconds: m.seconds(), queue: m.queue}
}

// given is what a mesh's origin sends.
func (m made) given() int64 { return min(fileBytes*11/10, fileBytes*int64(m.receivers)) }

func (m made) receiver(i int) node {
	n := node{in: fileBytes, seconds: m.seconds(), fetches: true, state: load.Done}
	if m.system == "mesh" {
		n.info = m.info(i, "peer")
		n.out = (fileBytes*int64(m.receivers) - m.given()) / int64(m.receivers)
	} else {
		n.info = m.info(i, "client")
	}
	if i <= m.undone {
		n.in, n.state = fileBytes/2, load.Interrupted
	}
	return n
}

// write writes the log of a node with a reading every tenth of its time.
func (n node) write(t *testing.T, folder string, number int, start time.Time) {
	t.Helper()
	const steps = 10
	var b bytes.Buffer
	for i := 0; i <= steps+1; i++ {
		share := float64(min(i, steps)) / steps
		r := n.at(share)
		r.PID = number + 1
		r.Time = start.Add(time.Duration(share * n.seconds * float64(time.Second))).Format(time.RFC3339Nano)
		switch i {
		case 0:
			r.Kind = load.Start
		case steps + 1:
			r.Kind, r.Outcome = load.Final, load.Done
		default:
			r.Kind = load.Sample
		}
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		b.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("node%d.jsonl", number)), b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// at is the node's report when this share of its time is over.
func (n node) at(share float64) *load.Report {
	cpu, rss := 0.1+share, int64(20<<20)
	r := &load.Report{
		Head: load.Head{Info: n.info, Host: "machine", OS: "linux", Arch: "amd64", CPUs: 2, ElapsedSeconds: share * n.seconds},
		Traffic: load.Traffic{PayloadOutBytes: int64(share * float64(n.out)), PayloadInBytes: int64(share * float64(n.in)),
			OtherOutBytes: 100, OtherInBytes: 100},
		Process: load.Process{CPUSeconds: &cpu, RSSBytes: &rss, RSSPeakBytes: &rss},
	}
	if n.queue > 0 {
		r.AcceptQueue = new(int(float64(n.queue) * (1 - share)))
	}
	if !n.fetches {
		return r
	}
	transfer := load.TransferReport{ID: fileID, Name: "f.bin", SizeBytes: fileBytes, HaveBytes: r.PayloadInBytes, State: load.Running,
		Begin: began.Format(time.RFC3339Nano), Chunks: 16}
	if share == 1 {
		transfer.State = n.state
		end, at := n.seconds, began.Format(time.RFC3339Nano)
		transfer.EndSeconds, transfer.End = &end, &at
	}
	r.Transfers = []load.TransferReport{transfer}
	return r
}

// writeJSON writes a value as JSON.
func writeJSON(t *testing.T, name string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o755)
	}
	if err == nil {
		err = os.WriteFile(name, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// record is what the lab notes of the run.
func (m made) record() *labdir.Run {
	return &labdir.Run{Format: labdir.RunFormat, Name: labdir.RunName(m.system, m.receivers, m.repetition), System: m.system,
		Receivers: m.receivers, Repetition: m.repetition, Links: "rate", Verified: m.receivers - m.undone, Polls: 7,
		Began: began.Add(time.Duration(m.receivers*1000+m.repetition*100) * time.Second)}
}

// lab makes a folder as 'lab run' leaves it: star and mesh to so many
// receivers, each so often.
func lab(t *testing.T, receivers []int, runs int) string {
	t.Helper()
	dir := t.TempDir()
	for _, system := range []string{"star", "mesh"} {
		for _, n := range receivers {
			for r := 1; r <= runs; r++ {
				m := made{system: system, receivers: n, repetition: r, slower: 1 + float64(r-1)/100}
				m.write(t, dir)
				record := m.record()
				writeJSON(t, filepath.Join(labdir.RunDir(dir, record.Name), labdir.RunFile), record)
			}
		}
	}
	writeJSON(t, filepath.Join(dir, labdir.LabFile), &labdir.Lab{
		Format: labdir.LabFormat, Began: began, Program: "v1", Command: []string{"starmesh", "lab", "run", "--out", "a b"},
		FileName: "f.bin", FileBytes: fileBytes, FileID: fileID, Systems: []string{"star", "mesh"}, Receivers: receivers, Runs: runs,
		Seed: 4711, Links: "rate", Machine: labdir.Machine{OS: "linux 6.1", Arch: "amd64", CPU: "Test CPU", CPUs: 2, MemoryBytes: 8 << 30, GoVersion: "go1.26"},
	})
	return dir
}
