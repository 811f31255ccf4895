package labdir

import "time"

// LabFormat is what lab.json says it is.
const LabFormat = "starmesh-lab/1"

// A Lab is lab.json: what was asked for, and where it ran.
type Lab struct {
	Format  string    `json:"format"`
	Began   time.Time `json:"began"`
	Program string    `json:"program"` // version
	Command []string  `json:"command"` // without secrets

	FileName  string   `json:"file_name"`
	FileBytes int64    `json:"file_bytes"`
	FileID    string   `json:"file_id"`
	Systems   []string `json:"systems"`
	Receivers []int    `json:"receivers"`
	Runs      int      `json:"runs"`   // repetitions of each run
	Seed      uint64   `json:"seed"`   // of the made-up file and of the choice of nodes for faults
	Links     string   `json:"links"`  // rate or netns
	Faults    []string `json:"faults"` // as given

	Machine Machine `json:"machine"`
	// Stopped says why the lab ended before its last run; "" if it did not.
	Stopped string `json:"stopped,omitempty"`
}

// A Machine is the computer the lab ran on.
type Machine struct {
	OS          string  `json:"os"` // with the kernel's release where known
	Arch        string  `json:"arch"`
	CPU         string  `json:"cpu,omitempty"` // model
	CPUs        int     `json:"cpus"`
	MemoryBytes int64   `json:"memory_bytes,omitempty"`
	GoVersion   string  `json:"go"`
	LoadBefore  float64 `json:"busy_before_share,omitempty"` // of all cores, before the first run
}

// busyShare of all cores, taken by something else, is in the way of a lab.
const busyShare = 0.25

// Busy reports whether something else kept the machine busy when the lab began.
func (m *Machine) Busy() bool { return m.LoadBefore > busyShare }
