package labdir

import (
	"fmt"
	"path/filepath"
)

// Names in the folder of a lab run, and in that of a run.
const (
	LabFile      = "lab.json"
	RunsDir      = "runs"
	RunFile      = "run.json"
	TimelineFile = "timeline.ndjson" // not .jsonl, which load logs end in
	ReportFile   = "report.html"
	TableFile    = "results.csv"
	TextFile     = "results.md"
	PlotsDir     = "plots"
)

// Names in the folder of what is needed only while a lab runs.
const (
	ScratchName  = "work"       // of the folder itself, in the lab's
	ScratchFile  = "random.bin" // what is sent, if it is made up
	ScratchCache = "cache"      // a folder: what is known of the file
	mark         = "lock"
)

// What a manager puts into the folder of each run, for as long as that runs.
const (
	ReceivedDir = "received" // the copies, one folder a receiver
	OriginKey   = "origin.key"
)

// RunName names a run: mesh-8-1 is the first time the mesh serves eight
// receivers.
func RunName(system string, receivers, repetition int) string {
	return fmt.Sprintf("%s-%d-%d", system, receivers, repetition)
}

// RunDir is the folder of a run in the lab folder dir.
func RunDir(dir, run string) string { return filepath.Join(dir, RunsDir, run) }
