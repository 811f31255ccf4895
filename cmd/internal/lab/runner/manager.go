package runner

import (
	"context"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/scenario"
)

// Config says how runs are made.
type Config struct {
	Program string // the file of this program
	Dir     string // the lab's folder
	File    File
	Links   string        // rate or netns
	Delay   time.Duration // of everything on its way from one node to another
	Poll    time.Duration // between two questions to an agent
	Stall   time.Duration // without progress, after which a run is given up; 0: by its bound
	Keep    bool          // received copies stay
	Cache   string        // folder in which origins find the file's id
	Folder  bool          // File is a folder: a receiver is done when it tells AllEvent
	To      string        // Spec.To of all nodes

	Watch Watch
	// Faults gives what is to go wrong in a run, or nil; nil: nothing ever.
	Faults func(scenario.Run) (Faults, error)
	// Elsewhere gives a run's nodes their places on machines that have joined,
	// the origin's first, and says in a sentence how these are connected; nil:
	// all are on this machine. The origin may have none of these: then it is on
	// this machine, and listens at Host.
	Elsewhere func(scenario.Run) (places []Place, about string, err error)
	Host      string // an IP address
}

// File is what is sent.
type File struct {
	Path   string
	Bytes  int64
	Chunks int
}

// Watch is told what the manager sees, as it sees it; what is nil is not told.
// None of the functions may block.
type Watch struct {
	Event func(labdir.Event) // in the order of the timeline
	Poll  func(Poll)
}

// A Poll is a question to an agent and what came of it.
type Poll struct {
	Run, Node string
	Number    int64 // of this node's polls, from 1
	URL       string
	Took      time.Duration
	Reading   *labdir.Reading // nil: there was no answer
	Err       error
}

// A Manager makes runs, one at a time.
type Manager struct {
	cfg Config

	mu  sync.Mutex
	now *run // that under way; nil: none
}

// New makes a manager.
func New(cfg Config) *Manager { return &Manager{cfg: cfg} }

// Run makes a run and returns what came of it, which is in the run's folder
// too. What went wrong in the run is told by its Error; Run itself fails only
// if nothing can be run at all, or ctx has ended. When it returns no process of
// the run is left.
func (m *Manager) Run(ctx context.Context, what scenario.Run) (labdir.Run, error) {
	t, err := open(&m.cfg, what)
	if err != nil {
		return labdir.Run{}, err
	}
	err = t.perform(ctx, func() { m.show(t) })
	m.show(nil) // commands that come from now on find nothing
	return t.conclude(ctx, err)
}

func (m *Manager) show(t *run) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = t
}
