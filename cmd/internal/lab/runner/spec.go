package runner

import (
	"strconv"
	"time"

	"starmesh/cmd/internal/lab/system"
)

// A Spec is what a node is to do: one of this program's own transfers. It holds
// no path and no flag. Whoever starts the node makes its command line, on the
// machine on which it starts.
type Spec struct {
	Node   string      `json:"node"`             // its name
	System string      `json:"system"`           // by its name
	Origin bool        `json:"origin,omitempty"` // it has the file; else it fetches it
	File   string      `json:"file"`             // the name of the file, without folders
	Bytes  int64       `json:"bytes"`            // of the file
	Way    system.Told `json:"way"`              // how the origin is, or was, reached
	Hold   bool        `json:"hold,omitempty"`   // it gets ready, and waits for StartCommand
	// Host is the IP address at which others reach the manager's machine: a node
	// there that has come over loopback listens at it. "": all have come so.
	Host     string        `json:"host,omitempty"`
	Interval time.Duration `json:"interval_ns"` // between two lines of its load log
	// Up and Down are how fast it may send and receive, in bytes per second;
	// 0 is no limit.
	Up   float64 `json:"up,omitempty"`
	Down float64 `json:"down,omitempty"`
	// Delay is how much later it is to see what comes over TCP.
	Delay time.Duration `json:"delay_ns,omitempty"`
	// AcceptPause is how long an origin waits after each connection that it
	// takes, where its system has a flag for that.
	AcceptPause time.Duration `json:"accept_pause_ns,omitempty"`
	// Misbehave is what it does wrong on purpose, as the flag of its system
	// has it; "": nothing.
	Misbehave string `json:"misbehave,omitempty"`
	// To is the folder, below the one in which a node keeps what is pushed, into
	// which this goes, in place of what is there and differs; "": it is a lab's.
	To string `json:"to,omitempty"`
}

// A Site is where a node finds and leaves things on the machine that it starts
// on.
type Site struct {
	Host     string // the IP address it has
	File     string // that an origin sends
	Folder   string // into which a receiver puts it
	Cache    string // folder in which origins find the file's id
	Identity string // file in which an origin keeps its key
	Log      string // file of its load log
}

// Args returns the command line of a node of a system that is launched so, at
// that site, after the name of the program.
func (s *Spec) Args(how *system.Launch, at Site) []string {
	start := system.Start{File: at.File, Folder: at.Folder, Host: at.Host, Cache: at.Cache, Identity: at.Identity, Origin: s.Way}
	line := how.Get
	if s.Origin {
		line = how.Serve
	}
	// The agent takes commands without a token on the node's own loopback.
	args := append(line(start), "--node", s.Node, "--load-log", at.Log, "--load-interval", s.Interval.String(), "--agent", "127.0.0.1:0")
	if s.Hold {
		args = append(args, "--"+HoldFlag)
	}
	for _, limit := range []struct {
		flag string
		rate float64
	}{{"--up", s.Up}, {"--down", s.Down}} {
		if limit.rate > 0 {
			args = append(args, limit.flag, strconv.FormatFloat(limit.rate, 'f', -1, 64)+"B/s")
		}
	}
	if s.To != "" && !s.Origin {
		args = append(args, "--force")
	}
	if s.Delay > 0 {
		args = append(args, "--delay", s.Delay.String())
	}
	if s.AcceptPause > 0 && how.AcceptSlowly != "" {
		args = append(args, how.AcceptSlowly, s.AcceptPause.String())
	}
	if s.Misbehave != "" {
		args = append(args, how.Misbehave, s.Misbehave)
	}
	return args
}
