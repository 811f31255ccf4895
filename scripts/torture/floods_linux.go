package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

func floods() []scenario {
	const checks = "10,000 connections that say nothing, half a request, or nonsense (or as many as descriptors allow): a fresh client is done as soon as without, + 1 s"
	return []scenario{
		{"flood-server", checks, 5 * time.Second, time.Minute, nil, floodServer},
		{"flood-node", strings.Replace(checks, "+ 1 s", "+ 2 s", 1), 5 * time.Second, time.Minute, nil, floodNode},
		{"soak", "transfers without a pause by ever new clients, one in seven killed: all others right; server and origin keep their memory, descriptors, goroutines",
			20 * time.Second, 15 * time.Minute, nil, soak},
		{"hostile", "free riders, liars, crowds, those who stall among the peers: the honest are done in 1.5 × their time without, + 2 s", 12 * time.Second, 2 * time.Minute, nil, hostile},
	}
}

// flood opens connections from ten addresses of the loopback, none of them the
// one that clients have, each of which says the words and waits.
func (r *round) flood(addr string, words []byte) (func(), error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	n := min(10_000, int(min(limit.Cur, 1<<20))-500)
	var all []net.Conn
	stop := func() {
		for _, c := range all {
			_ = c.Close() // what it said was not meant
		}
	}
	for i := range n {
		from := &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i%10))}
		c, err := (&net.Dialer{LocalAddr: from, Timeout: 5 * time.Second}).Dial("tcp", addr)
		if err != nil {
			stop()
			return nil, fmt.Errorf("after %d connections: %w", len(all), err)
		}
		_, _ = c.Write(words) // may be closed already
		all = append(all, c)
	}
	r.logf("%d connections that say %q", n, words)
	r.count("idle connections", n)
	return stop, nil
}

// nonsense draws what a flood says.
func (r *round) nonsense() []byte {
	return pick(r, nil, []byte("GET /file HTTP/1.1\r\nHost: x\r\n"), r.bytes(int64(r.upTo(200))), []byte("\x00\x00\x00\x10"))
}

func floodServer(r *round) error {
	if err := r.write(r.bytes(1<<20), "from", "file"); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"))
	if err != nil {
		return err
	}
	addr := pick(r, at.Listen, strings.Trim(strings.TrimPrefix(at.HTTP, "http:"), "/"))
	calm, err := r.takes(r.get(at, false, r.path("calm")))
	if err != nil {
		return err
	}
	stop, err := r.flood(addr, r.nonsense())
	if err != nil {
		return err
	}
	err = r.within(calm+time.Second, r.get(at, false, r.path("to")))
	stop()
	return errors.Join(err, same(r.path("from"), r.path("to")), s.stop())
}

func floodNode(r *round) error {
	if err := r.write(r.bytes(1<<20), "from", "file"); err != nil {
		return err
	}
	port := freePort()
	o, ticket, err := r.share(nil, multiaddr(port), r.path("from", "file"))
	if err != nil {
		return err
	}
	calm, err := r.takes(r.receiver("calm", ticket.Ticket))
	if err != nil {
		return err
	}
	stop, err := r.flood(port, r.nonsense())
	if err != nil {
		return err
	}
	err = r.within(calm+2*time.Second, r.receiver("to", ticket.Ticket))
	stop()
	return errors.Join(err, same(r.path("from"), r.path("to")), o.stop())
}

// takes waits until a node that has just been started is done, and returns how
// long that took.
func (r *round) takes(n *node) (time.Duration, error) {
	err := n.succeeds(20 * time.Second)
	took := time.Since(n.last().since)
	r.logf("%s took %v", n.name, took)
	return took, err
}

// within waits for a node that has just been started to be done in that time.
func (r *round) within(long time.Duration, n *node) error {
	took, err := r.takes(n)
	if err != nil {
		return err
	}
	return r.late(n.name, took, long)
}

// soak has clients come and go, and looks what they leave behind.
func soak(r *round) error {
	if err := r.write(r.bytes(1<<20), "from", "file"); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"))
	if err != nil {
		return err
	}
	o, ticket, err := r.share(nil, loopback(), r.path("from", "file"))
	if err != nil {
		return err
	}
	until := time.Now().Add(r.soak)
	var errs []error
	var warm, rest [2]record
	const warmth = 15 // visits, after which all pools have been filled once
	for i := 0; (time.Now().Before(until) || i < 2*warmth) && r.ctx.Err() == nil; i++ {
		if i == warmth {
			warm, err = r.resting(s, o)
			errs = append(errs, err)
		}
		errs = append(errs, r.visit(i, at, ticket))
	}
	rest, err = r.resting(s, o)
	errs = append(errs, err)
	for i, n := range []*node{s, o} {
		errs = append(errs, steady(n.name, warm[i], rest[i]))
	}
	return errors.Join(append(errs, s.stop(), o.stop())...)
}

// visit has one client of each kind fetch the file; one in seven is killed.
func (r *round) visit(i int, at, ticket event) error {
	var clients []*node
	for k, args := range [][]string{
		{"central", "get", at.Address, "file"},
		{"central", "get", at.HTTP + "file"},
		{"peer", "get", ticket.Ticket, "--no-mdns"},
	} {
		name := fmt.Sprintf("visitor-%d-%d", i, k)
		clients = append(clients, r.start(name, append(args, "--output", r.path(name)+"/", "--json")...))
	}
	var errs []error
	for _, c := range clients {
		r.count("short transfers", 1)
		if r.rng.IntN(7) == 0 {
			r.pause(0, 60*time.Millisecond)
			c.kill()
			continue
		}
		errs = append(errs, c.succeeds(20*time.Second), same(r.path("from"), r.path(c.name)))
	}
	err := errors.Join(errs...)
	for _, c := range clients {
		if err == nil {
			err = r.forget(c)
		}
	}
	return err
}

// forget removes what is left of a client that has ended.
func (r *round) forget(c *node) error {
	r.nodes = slices.DeleteFunc(r.nodes, func(n *node) bool { return n == c })
	err := c.last().sane()
	for _, end := range []string{"", ".out", ".err"} {
		err = errors.Join(err, os.RemoveAll(c.last().base+end))
	}
	return err
}

// resting is what the nodes have when nobody has visited them for a while.
func (r *round) resting(nodes ...*node) (recs [2]record, err error) {
	r.sleep(2 * time.Second)
	for i, n := range nodes {
		rec, e := n.last().carried()
		recs[i], err = rec, errors.Join(err, e)
		r.logf("%s rests: %d KiB, %d descriptors, %d goroutines", n.name, rec.RSS>>10, rec.FDs, rec.Goroutines)
	}
	return recs, err
}

// steady says whether a node has kept what it had when it was warm.
func steady(name string, warm, rest record) error {
	const room = 12 << 20 // the collector returns memory when it likes
	if warm.RSS == 0 {
		return errors.New("too short to tell anything: --soak longer")
	}
	var errs []error
	if rest.RSS > warm.RSS+room {
		errs = append(errs, fmt.Errorf("%s: memory grew from %d to %d KiB", name, warm.RSS>>10, rest.RSS>>10))
	}
	if rest.FDs > warm.FDs+8 {
		errs = append(errs, fmt.Errorf("%s: descriptors grew from %d to %d", name, warm.FDs, rest.FDs))
	}
	if rest.Goroutines > warm.Goroutines+16 {
		errs = append(errs, fmt.Errorf("%s: goroutines grew from %d to %d", name, warm.Goroutines, rest.Goroutines))
	}
	return errors.Join(errs...)
}
