package worker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// Wanted says which nodes a manager waits for.
type Wanted struct {
	Listen  string       // HOST:PORT, at which they join
	Nodes   int          // how many
	Min     int          // with so many it goes on when no more come; 0: with all
	Once    bool         // each code is good for one node
	Push    bool         // they are to keep what they get
	Given   []fleet.Code // that nodes know already; nil: they are made, and told
	Program string       // the version of this program
	Command string       // by which a node joins: "lab node"
}

// Observer hears of nodes that come and go.
type Observer interface {
	Note(format string, args ...any)
	Warn(format string, args ...any)
	Event(name string, fields any)
}

// latecomers is how long nobody may come until a manager goes on without those
// that are missing, if it may.
const latecomers = 30 * time.Second

// A Crew is the nodes that work for a manager.
type Crew struct {
	wanted Wanted
	seen   Observer
	roster *fleet.Roster
	late   time.Duration   // latecomers
	nodes  []Remote        // that were there at first, in their order, each as it came last
	links  map[string]Link // of nodes, by their names; nil: not measured
	missed []string        // names of those that were waited for in vain
	ended  chan error
	stop   func()
}

// Gather waits until the nodes have joined. The caller ends with Dismiss.
func Gather(ctx context.Context, wanted Wanted, seen Observer) (*Crew, error) {
	codes := wanted.Given
	for len(codes) == 0 || wanted.Once && len(codes) < wanted.Nodes {
		codes = append(codes, fleet.NewCode())
	}
	c := &Crew{wanted: wanted, seen: seen, late: latecomers, ended: make(chan error, 1)}
	var err error
	if c.roster, err = fleet.Listen(ctx, fleet.Config{
		Listen: wanted.Listen, Nodes: wanted.Nodes, Codes: codes, Once: wanted.Once, Push: wanted.Push, Program: wanted.Program,
		Joined: c.joined, Left: c.left, Refused: c.refused,
	}); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	go func() { c.ended <- c.roster.Run(running) }()
	c.invite(codes)
	if err := c.wait(ctx); err != nil {
		return nil, errors.Join(err, c.Dismiss())
	}
	return c, nil
}

// Dismiss lets all nodes know that it is over, and waits for that.
func (c *Crew) Dismiss() error {
	c.stop()
	return <-c.ended
}

// invite says how to join.
func (c *Crew) invite(codes []fleet.Code) {
	addr := agent.Reached(c.roster.Addr())[0]
	c.seen.Event("invite", map[string]any{"address": addr, "nodes": c.wanted.Nodes})
	if c.wanted.Given != nil {
		c.seen.Note("waiting at %s for %s with the code", addr, units.Counted(c.wanted.Nodes, "node"))
		return
	}
	c.seen.Note("waiting for %s; on each of their machines:", units.Counted(c.wanted.Nodes, "node"))
	for _, code := range codes {
		c.seen.Note("  %s=%s starmesh %s %s", fleet.CodeVariable, code, c.wanted.Command, addr)
	}
}

func (c *Crew) joined(m *fleet.Member) {
	here, _ := c.roster.Members()
	c.seen.Event("joined", labdir.Crew{Name: m.Name, Host: m.Host, Address: m.Remote.String(), Program: m.Program, Nodes: len(here), Wanted: c.wanted.Nodes})
	text := fmt.Sprintf("%s has joined from %s (%s, %s): %d of %d", m.Name, m.Remote, m.OS, units.Counted(m.CPUs, "processor"), len(here), c.wanted.Nodes)
	if m.Claimed != m.Name {
		text += fmt.Sprintf("; it wanted to be called %s, as another is", m.Claimed)
	}
	if m.Beside != "" {
		text += fmt.Sprintf("; it is on the machine of %s, and they share what that has", m.Beside)
	}
	c.seen.Note("%s", text)
	if m.Program != c.wanted.Program {
		c.seen.Warn("%s runs starmesh %s, and this is %s", m.Name, m.Program, c.wanted.Program)
	}
	if m.BehindNAT() {
		c.seen.Note("%s is behind a NAT: its address is %s, and its connection comes from %s", m.Name, m.Address, m.Remote)
	}
}

func (c *Crew) left(m *fleet.Member) {
	here, _ := c.roster.Members()
	c.seen.Event("left", labdir.Crew{Name: m.Name, Nodes: len(here), Wanted: c.wanted.Nodes, Left: true})
	c.seen.Note("%s has left", m.Name)
}

func (c *Crew) refused(from net.Addr, why error) {
	c.seen.Event("refused", map[string]any{"address": from.String(), "why": why.Error()})
	c.seen.Warn("%s may not join: %s", from, readable.Text(why.Error()))
}

// wait waits until nodes enough are there, and takes them.
func (c *Crew) wait(ctx context.Context) error {
	for {
		here, changed := c.roster.Members()
		enough := len(here) == c.wanted.Nodes
		var late <-chan time.Time
		if min := c.wanted.Min; min > 0 && len(here) >= min {
			late = time.After(c.late)
		}
		if !enough {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case err := <-c.ended:
				c.ended <- err
				return err
			case <-changed:
				continue
			case <-late:
				c.seen.Warn("%d of %s have joined, and no more come: it goes on without the others", len(here), units.Counted(c.wanted.Nodes, "node"))
			}
		}
		for _, m := range here {
			c.nodes = append(c.nodes, Remote{m})
		}
		return nil
	}
}

// Names are those of the nodes that were there at first, in their order.
func (c *Crew) Names() []string { return names(c.nodes) }

// First puts a node before all others.
func (c *Crew) First(name string) error {
	i := slices.Index(c.Names(), name)
	if i < 0 {
		return fault.Wrapf(fault.NotFound, "no node %q has joined: there are %s", name, readable.List(c.Names(), 20))
	}
	c.nodes = slices.Concat(c.nodes[i:i+1], c.nodes[:i], c.nodes[i+1:])
	return nil
}

// Here are the nodes that are here now, in their order; one that has left and
// come back is here.
func (c *Crew) Here() []Remote {
	here, _ := c.present()
	return here
}

// present parts the nodes that are here from those that have left.
func (c *Crew) present() (here, gone []Remote) {
	members, _ := c.roster.Members()
	for i, known := range c.nodes {
		k := slices.IndexFunc(members, func(m *fleet.Member) bool { return m.Name == known.Name })
		if k < 0 {
			gone = append(gone, known)
			continue
		}
		c.nodes[i] = Remote{members[k]}
		here = append(here, c.nodes[i])
	}
	return here, gone
}

// Await waits a while for so many nodes to be here, and returns them. When some
// do not come and it may go on without them, nodes that have left make up the
// number, as the last; else it fails with fault.NoSource. Nobody is waited for
// twice.
func (c *Crew) Await(ctx context.Context, nodes int) ([]Remote, error) {
	late := time.After(c.late)
	for {
		_, changed := c.roster.Members()
		here, gone := c.present()
		if len(here) >= nodes {
			return here[:nodes], nil
		}
		if !slices.ContainsFunc(gone, func(m Remote) bool { return !slices.Contains(c.missed, m.Name) }) {
			return c.without(here, gone, nodes)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-late:
			here, gone = c.present()
			c.missed = names(gone)
			return c.without(here, gone, nodes)
		}
	}
}

// without makes up the number with nodes that have left, if that may be.
func (c *Crew) without(here, gone []Remote, nodes int) ([]Remote, error) {
	if least := c.wanted.Min; len(here) < nodes && (least == 0 || len(here) < least) {
		text := fmt.Sprintf("%d of %s are left, without %s", len(here), units.Counted(nodes, "node"), readable.List(names(gone), 8))
		if least == 0 {
			text += fmt.Sprintf("; --min-nodes %d would go on without", len(here))
		}
		return nil, fault.Wrapf(fault.NoSource, "%s", text)
	}
	return append(here, gone...)[:nodes], nil
}

// Host is the IP address at which all nodes reach this machine: the one to which
// they have come, or every one if those are several. Another that it has might
// lead over another network, from which what nodes tell of each other is not
// believed. Loopback counts only if nobody is elsewhere.
func (c *Crew) Host() string {
	isElsewhere := func(m Remote) bool { return !addrOf(m.Remote).IsLoopback() }
	elsewhere := slices.ContainsFunc(c.nodes, isElsewhere)
	var hosts []netip.Addr
	for _, m := range c.nodes {
		if host := addrOf(m.Local); !slices.Contains(hosts, host) && isElsewhere(m) == elsewhere {
			hosts = append(hosts, host)
		}
	}
	switch {
	case len(hosts) == 1:
		return hosts[0].String()
	case slices.ContainsFunc(hosts, netip.Addr.Is6):
		return netip.IPv6Unspecified().String()
	}
	return netip.IPv4Unspecified().String()
}

// scattered reports whether not all nodes have come over the one loopback: what
// listens there is reached by those alone that have.
func (c *Crew) scattered() bool {
	return slices.ContainsFunc(c.nodes, func(m Remote) bool {
		addr := addrOf(m.Remote)
		return !addr.IsLoopback() || addr.Is4() != addrOf(c.nodes[0].Remote).Is4()
	})
}

// shared is runner.Spec.Host for the nodes.
func (c *Crew) shared() string {
	if c.scattered() {
		return c.Host()
	}
	return ""
}

func addrOf(addr net.Addr) netip.Addr {
	tcp, _ := addr.(*net.TCPAddr)
	return tcp.AddrPort().Addr().Unmap()
}

// Prove makes the proof of a file, under a new key.
func Prove(ctx context.Context, path string) (*Proof, error) {
	p := new(Proof)
	_, _ = rand.Read(p.Key[:]) // it never fails
	return p, p.Of(ctx, path)
}

// Places makes places of nodes, whose clocks are measured. They are to prove
// what they have received, unless proof is nil.
func (c *Crew) Places(ctx context.Context, nodes []Remote, proof *Proof) ([]*Place, error) {
	places := make([]*Place, len(nodes))
	shared := c.shared()
	each(nodes, func(i int, m Remote) {
		places[i] = &Place{Remote: m, Proof: proof, shared: shared, host: labdir.Host{Machine: m.Name}, link: c.links[m.Name]}
		clock, err := m.Clock(ctx)
		if err != nil && !places[i].Gone() {
			c.seen.Warn("%s", readable.Text(err.Error()))
			return
		}
		places[i].host.ClockOffset, places[i].host.ClockError = clock.Offset.Seconds(), clock.Error.Seconds()
	})
	return places, ctx.Err()
}

func names(nodes []Remote) (all []string) {
	for _, m := range nodes {
		all = append(all, m.Name)
	}
	return all
}
