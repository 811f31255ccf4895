package load

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

const (
	// maxRemotes bounds how many remotes are counted each on its own.
	maxRemotes = 4096
	// OtherRemotes is the name under which all further remotes are summed.
	OtherRemotes = "other"
)

// A Remote counts the chunk bytes exchanged with one other node. Count into
// the Meter as well: a Remote is a part of its sums, not in addition to them.
type Remote struct {
	PayloadOut atomic.Int64 // chunk bytes sent to it
	PayloadIn  atomic.Int64 // chunk bytes received from it
}

// remoteTable holds the remotes by name.
type remoteTable struct {
	mu     sync.Mutex
	byName map[string]*Remote
}

// Remote returns the counters of the remote of that name: a peer id, or the
// address of a client without its port. Keep the result for the time of a
// connection. After 4096 different names, new ones share one: OtherRemotes.
func (m *Meter) Remote(name string) *Remote {
	t := &m.remotes
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.byName[name]; r != nil {
		return r
	}
	if len(t.byName) >= maxRemotes {
		name = OtherRemotes
		if r := t.byName[name]; r != nil {
			return r
		}
	}
	if t.byName == nil {
		t.byName = make(map[string]*Remote)
	}
	r := new(Remote)
	t.byName[name] = r
	return r
}

// report lists the remotes with which payload was exchanged, the busiest
// first. Those after the first limit are summed in a last one.
func (t *remoteTable) report(limit int) []RemoteReport {
	all := t.list()
	slices.SortFunc(all, func(a, b RemoteReport) int {
		return cmp.Or(
			cmp.Compare(b.PayloadOutBytes+b.PayloadInBytes, a.PayloadOutBytes+a.PayloadInBytes),
			cmp.Compare(a.Remote, b.Remote),
		)
	})
	if len(all) <= limit {
		return all
	}
	rest := RemoteReport{Remote: OtherRemotes}
	for _, r := range all[limit:] {
		rest.PayloadOutBytes += r.PayloadOutBytes
		rest.PayloadInBytes += r.PayloadInBytes
	}
	kept := all[:limit]
	for i := range kept {
		if kept[i].Remote == OtherRemotes {
			kept[i].PayloadOutBytes += rest.PayloadOutBytes
			kept[i].PayloadInBytes += rest.PayloadInBytes
			return kept
		}
	}
	return append(kept, rest)
}

func (t *remoteTable) list() []RemoteReport {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]RemoteReport, 0, len(t.byName))
	for name, r := range t.byName {
		out, in := r.PayloadOut.Load(), r.PayloadIn.Load()
		if out != 0 || in != 0 {
			all = append(all, RemoteReport{Remote: name, PayloadOutBytes: out, PayloadInBytes: in})
		}
	}
	return all
}
