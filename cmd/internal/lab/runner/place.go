package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/links"
	"starmesh/cmd/internal/lab/scenario"
)

// A Place is where a node of a run lives.
type Place interface {
	// Where says which machine it is on; the zero value: on this one.
	Where() labdir.Host
	// Gone reports whether its machine has left.
	Gone() bool
	// Spawn starts a process that does what s says. When that has ended, what
	// it has logged lies in file.jsonl, and what it wrote to standard error in
	// file.err, if that is anything.
	Spawn(s Spec, file string) (Body, error)
	// Agent asks the agents of the processes.
	Agent() agent.Client
	// Link is its access link, as it was measured; 0: it was not.
	Link() scenario.Rate
	// Counted is links.Place.Counted.
	Counted() (out, in int64, ok bool)
	// WatchCPU is as the function of that name, on the machine.
	WatchCPU(ctx context.Context) labdir.CPU
	// Holds reports whether the file that was received is the original, byte for
	// byte.
	Holds(ctx context.Context) (bool, error)
	// Clear removes what a run has left here that need not stay.
	Clear() error
}

// here is a place on this machine.
type here struct {
	*links.Place
	run  *run
	name string // of the node
}

func (h here) Where() labdir.Host                      { return labdir.Host{} }
func (h here) Gone() bool                              { return false }
func (h here) Link() scenario.Rate                     { return scenario.Rate{} }
func (h here) WatchCPU(ctx context.Context) labdir.CPU { return WatchCPU(ctx) }

func (h here) Agent() agent.Client { return agent.Client{Dial: h.Dial} }

func (h here) Spawn(s Spec, file string) (Body, error) {
	cfg := h.run.cfg
	at := Site{
		Host: h.Host(), File: cfg.File.Path, Folder: filepath.Dir(h.copied()), Cache: cfg.Cache,
		Identity: filepath.Join(h.run.dir, labdir.OriginKey), Log: file + ".jsonl",
	}
	if !s.Origin {
		if err := os.MkdirAll(at.Folder, 0o777); err != nil {
			return nil, fmt.Errorf("no folder for %s: %w", s.Node, err)
		}
	}
	return Spawn(ProcessConfig{
		Program: cfg.Program, Name: s.Node, Errors: file + ".err", Args: s.Args(&h.run.System.Launch, at), Start: h.Start,
	})
}

// copied is where a receiver puts the file.
func (h here) copied() string {
	return filepath.Join(h.run.received(), h.name, filepath.Base(h.run.cfg.File.Path))
}

func (h here) Holds(ctx context.Context) (bool, error) {
	return sameFile(ctx, h.run.cfg.File.Path, h.copied())
}

func (h here) Clear() error { return nil } // the run's folder is cleared as a whole

// absent is a process that could not be started, for its machine has left.
type absent struct{ why error }

func (absent) Read([]byte) (int, error) { return 0, io.EOF }
func (absent) Stop()                    {}
func (absent) Kill()                    {}
func (a absent) Wait() error            { return a.why }
