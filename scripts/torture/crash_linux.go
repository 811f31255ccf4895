package main

import (
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	crashChecks = "kill -9 at random moments: the right file or none, nothing verified fetched twice, done in the end"
	crashTakes  = 5 * time.Second
	crashLimit  = 60 * time.Second
)

func crashes() []scenario {
	var all []scenario
	for _, s := range []struct {
		name string
		run  func(*round) error
	}{
		{"crash-get", func(r *round) error { return crashGet(r, false) }},
		{"crash-get-folder", func(r *round) error { return crashGet(r, true) }},
		{"crash-put", func(r *round) error { return crashPut(r, r.perhaps()) }},
		{"crash-mesh", func(r *round) error { return crashMesh(r, false) }},
		{"crash-mesh-folder", func(r *round) error { return crashMesh(r, true) }},
	} {
		all = append(all, scenario{name: s.name, checks: crashChecks, takes: crashTakes, limit: crashLimit, run: s.run})
	}
	return all
}

// serve starts a server of a folder at a port that stays when it is started
// again, and waits until it listens.
func (r *round) serve(dir string, flags ...string) (*node, event, error) {
	n := r.start("server", append([]string{
		"central", "serve", dir, "--listen", freePort(), "--http", freePort(), "--json", loadLog}, flags...)...)
	e, err := n.event("listening")
	return n, e, err
}

// get starts a client that fetches all into out, over the raw protocol or,
// for one file, perhaps over HTTP.
func (r *round) get(server event, folder bool, out string, flags ...string) *node {
	args := []string{"central", "get"}
	switch {
	case folder:
		args = append(args, server.Address, "/")
	case r.perhaps():
		args = append(args, server.Address, "file", "--conns", fmt.Sprint(r.upTo(4)))
	default:
		args = append(args, server.HTTP+"file")
	}
	return r.start("client", append(append(args, "--output", out+"/", "--json", loadLog), flags...)...)
}

// crash kills one of the nodes at a time, at random moments, and starts it
// again after another; it ends early when the last of them is done.
func (r *round) crash(times int, nodes ...*node) {
	for range times {
		r.pause(0, 1200*time.Millisecond)
		n := pick(r, nodes...)
		rest := time.Duration(r.rng.IntN(700)) * time.Millisecond
		if nodes[len(nodes)-1].ended() {
			return
		}
		if n.ended() {
			continue // a client that was quick
		}
		n.kill()
		r.sleep(rest)
		n.again()
	}
}

func crashGet(r *round, folder bool) error {
	size, err := r.files(folder, "from")
	if err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"), "--up", rateFor(size, 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.get(at, folder, r.path("to"))
	r.crash(r.upTo(5), s, c)
	return errors.Join(
		c.succeeds(30*time.Second),
		same(r.path("from"), r.path("to")),
		// With the server the chunks die that are under way, on each connection.
		keptAll(c, size, int64(r.tally["kills"])*4*chunkBytes, 0),
		s.stop(),
	)
}

func crashPut(r *round, folder bool) error {
	size, err := r.files(folder, "from", "all")
	if err != nil {
		return err
	}
	if err := r.write(nil, "to", "marker"); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("to"), "--writable", "--down", rateFor(size, 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.start("client", "central", "put", at.Address, r.path("from", "all"), "--retry-for", "1m", "--json", loadLog)
	r.crash(r.upTo(5), s, c)
	return errors.Join(
		c.succeeds(30*time.Second),
		same(r.path("from"), r.path("to")),
		s.stop(),
	)
}

// share starts a node that shares a path, at a port and with a key that stay.
func (r *round) share(where *island, listen, path string, flags ...string) (*node, event, error) {
	n := r.startIn(where, nil, "origin", append([]string{
		r.bin, "peer", "serve", path, "--identity", r.path("origin.key"), "--listen", listen, "--no-mdns", "--json", loadLog}, flags...)...)
	e, err := n.event("ticket")
	return n, e, err
}

// receiver starts a node that fetches what the ticket stands for.
func (r *round) receiver(name, ticket string, flags ...string) *node {
	return r.start(name, append([]string{
		"peer", "get", ticket, "--output", r.path(name) + "/", "--no-mdns", "--json", loadLog}, flags...)...)
}

func crashMesh(r *round, folder bool) error {
	size, err := r.files(folder, "from", "all")
	if err != nil {
		return err
	}
	from, in := r.path("from", "all"), "all"
	if !folder {
		from, in = r.path("from", "all", "file"), ""
	}
	o, ticket, err := r.share(nil, loopback(), from, "--up", rateFor(size, 1500*time.Millisecond))
	if err != nil {
		return err
	}
	nodes := []*node{o}
	for i := range r.upTo(3) {
		nodes = append(nodes, r.receiver(fmt.Sprintf("peer-%d", i), ticket.Ticket))
	}
	r.crash(r.upTo(5), nodes...)
	var errs []error
	for _, n := range nodes[1:] {
		errs = append(errs,
			n.succeeds(30*time.Second),
			same(r.path("from", "all"), r.path(n.name, in)),
			keptAll(n, size, manifest(folder), int64(r.tally["kills"])*chunkBytes))
	}
	return errors.Join(append(errs, o.stop())...)
}

// manifest bounds what a mesh fetches of a folder beside its files, each time.
func manifest(folder bool) int64 {
	if folder {
		return 64 << 10
	}
	return 0
}

// chunkBytes is the size of the chunks of files as small as those here.
const chunkBytes = 64 << 10

// lateBytes is what may come twice on a machine that is too busy for times.
const lateBytes = 8 * chunkBytes

// keptAll holds a node's last run against its load logs: it had still what
// earlier ones had verified, and fetched only what was missing. In a mesh a
// chunk that was on its way when a node was killed may come again, and so may
// what a busy machine is so late with that another node is asked.
func keptAll(n *node, size, beside, inFlight int64) error {
	type file struct {
		id   string // a folder's is that of its manifest
		size int64
	}
	had := make(map[file]int64)
	for _, p := range n.runs[:len(n.runs)-1] {
		rec, err := p.carried()
		if err != nil {
			continue // killed before its first line was whole
		}
		for _, t := range rec.Transfers {
			f := file{t.ID, t.Size}
			had[f] = max(had[f], t.Have)
		}
	}
	last, err := n.last().carried()
	if err != nil {
		return err
	}
	var errs []error
	kept := int64(0)
	for _, e := range n.last().events() {
		if e.Event != "done" {
			continue
		}
		if kept += e.Kept; e.Files > 0 {
			kept = e.Kept // told of last: of all its files together
		}
		if before := had[file{e.ID, e.Size}]; e.Kept < before {
			errs = append(errs, fmt.Errorf("%s kept %d bytes of %s, had verified %d before", n.name, e.Kept, e.Name, before))
		}
	}
	if n.r.untimed {
		inFlight += lateBytes
	}
	if last.AgainIn > inFlight {
		errs = append(errs, fmt.Errorf("%s: %d bytes came twice", n.name, last.AgainIn))
	}
	if kept+last.PayloadIn > size+last.AgainIn+beside {
		errs = append(errs, fmt.Errorf("%s: the last run kept %d and fetched %d bytes of %d", n.name, kept, last.PayloadIn, size))
	}
	return errors.Join(errs...)
}

// rateFor is the limit with which so many bytes take so long.
func rateFor(size int64, long time.Duration) string {
	return fmt.Sprintf("%dkbit", max(1, int64(float64(size)*8/1000/long.Seconds())))
}

// freePort is an address that nobody listens at; in a house nobody else takes
// it until it is used.
func freePort() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close() // nothing was sent
	return l.Addr().String()
}

// loopback is a free address for a node of a mesh.
func loopback() string {
	_, port, _ := net.SplitHostPort(freePort())
	return "/ip4/127.0.0.1/tcp/" + port
}
