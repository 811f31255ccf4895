package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

func churns() []scenario {
	return []scenario{
		{"churn", "32 nodes, half of them killed and started again: all have the file", 25 * time.Second, 120 * time.Second, nil, churn},
		{"origin-leaves", "the origin is killed when one copy is out: all others have the file", 6 * time.Second, 60 * time.Second, nil, originLeaves},
		{"origin-empty", "the origin comes back with an empty disk, and fetches its file from the others", 6 * time.Second, 60 * time.Second, nil, originEmpty},
		{"folder-late", "2,000 small files, five receivers that start when they like, the last one late: all have them", 15 * time.Second, 90 * time.Second, nil, folderLate},
		{"mesh-cut", "a mesh cut in two for seconds, by a link that is down or by a filter, and healed: all have the file",
			15 * time.Second, 120 * time.Second, namespaced, meshCut},
	}
}

// swarm starts receivers that stay.
func (r *round) swarm(n int, ticket string, flags ...string) []*node {
	var all []*node
	for i := range n {
		all = append(all, r.receiver(fmt.Sprintf("peer-%d", i), ticket, append([]string{"--stay", "forever"}, flags...)...))
	}
	return all
}

// allDone waits until each has told that its file is whole, and looks at it.
func (r *round) allDone(nodes ...*node) error {
	var errs []error
	for _, n := range nodes {
		_, err := n.event("done")
		errs = append(errs, err, same(r.path("from"), r.path(n.name)))
	}
	return errors.Join(errs...)
}

func churn(r *round) error {
	if err := r.write(r.bytes(4<<20), "from", "file"); err != nil {
		return err
	}
	_, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", "20mbit")
	if err != nil {
		return err
	}
	nodes := r.swarm(32, ticket.Ticket, "--up", "20mbit")
	var down []*node
	for _, i := range r.rng.Perm(32)[:16] {
		r.pause(0, 250*time.Millisecond)
		nodes[i].kill()
		down = append(down, nodes[i])
		if r.perhaps() {
			r.pause(0, 200*time.Millisecond)
			down[0].again()
			down = down[1:]
		}
	}
	for _, n := range down {
		n.again()
	}
	return r.allDone(nodes...)
}

func originLeaves(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	rate := rateFor(size, time.Second)
	o, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", rate)
	if err != nil {
		return err
	}
	nodes := r.swarm(2+r.rng.IntN(4), ticket.Ticket, "--up", rate)
	if err := firstDone(r, nodes); err != nil {
		return err
	}
	o.kill()
	return r.allDone(nodes...)
}

// firstDone waits until one of the nodes has all.
func firstDone(r *round, nodes []*node) error {
	for r.ctx.Err() == nil {
		for _, n := range nodes {
			for _, e := range n.last().events() {
				if e.Event == "done" {
					return nil
				}
			}
		}
		r.sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("nobody has all: %w", r.ctx.Err())
}

func originEmpty(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	rate, listen := rateFor(size, time.Second), loopback()
	o, ticket, err := r.share(nil, listen, r.path("from", "file"), "--up", rate)
	if err != nil {
		return err
	}
	nodes := r.swarm(2+r.rng.IntN(3), ticket.Ticket, "--up", rate)
	known, err := nodes[0].event("node")
	if err == nil {
		err = firstDone(r, nodes)
	}
	if err != nil {
		return err
	}
	o.kill()
	if err := os.Rename(r.path("from"), r.path("lost")); err != nil {
		return err
	}
	r.pause(0, time.Second)
	back := r.receiver("from", ticket.Ticket, "--identity", r.path("origin.key"), "--listen", listen, "--join", known.Addresses[0])
	err = errors.Join(back.succeeds(30*time.Second), same(r.path("lost"), r.path("from")))
	return errors.Join(err, r.allDone(nodes...))
}

// folderLate has each node on an island of its own, where that can be.
func folderLate(r *round) error {
	for i := range 2000 {
		data := r.bytes(100 + r.rng.Int64N(20<<10))
		if err := r.write(data, "from", "all", fmt.Sprintf("%d/%d", i%10, i)); err != nil {
			return err
		}
	}
	var sea []*island
	if r.home.closed == "" {
		var err error
		if sea, err = r.islands(6); err != nil {
			return err
		}
	}
	place := func(i int) (*island, string) {
		if sea == nil {
			return nil, loopback()
		}
		return sea[i], fmt.Sprintf("/ip4/10.77.0.%d/tcp/4001", i+1)
	}
	where, addr := place(0)
	_, ticket, err := r.share(where, addr, r.path("from", "all"))
	if err != nil {
		return err
	}
	var nodes []*node
	for i := range 5 {
		if i == 4 {
			_, err = nodes[r.rng.IntN(4)].event("all")
		}
		where, addr := place(i + 1)
		nodes = append(nodes, r.getter(where, fmt.Sprintf("peer-%d", i), ticket.Ticket, "--listen", addr))
		r.pause(0, 1500*time.Millisecond)
	}
	for _, n := range nodes {
		_, late := n.event("all")
		err = errors.Join(err, late, same(r.path("from", "all"), r.path(n.name, "all")))
	}
	return err
}

// meshCut has two islands with a cable between them, which fails for a while.
func meshCut(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	a, errA := r.island("island-a")
	b, errB := r.island("island-b")
	if err := errors.Join(errA, errB); err != nil {
		return err
	}
	if err := bridge(a, b, "10.77.0.1/24", "10.77.0.2/24"); err != nil {
		return err
	}
	rate := rateFor(size, 3*time.Second)
	_, ticket, err := r.share(a, "/ip4/10.77.0.1/tcp/4001", r.path("from", "file"), "--up", rate)
	if err != nil {
		return err
	}
	var nodes []*node
	for i := range 4 {
		where, addr := a, "/ip4/10.77.0.1/tcp/0"
		if i >= 2 {
			where, addr = b, "/ip4/10.77.0.2/tcp/0"
		}
		name := fmt.Sprintf("peer-%d", i)
		nodes = append(nodes, r.startIn(where, nil, name, r.bin, "peer", "get", ticket.Ticket, "--output", r.path(name)+"/",
			"--listen", addr, "--stay", "forever", "--up", rate, "--no-mdns", "--json", loadLog))
	}
	r.pause(200*time.Millisecond, 2*time.Second)
	if err := r.cut(a, time.Second+time.Duration(r.rng.Int64N(int64(6*time.Second)))); err != nil {
		return err
	}
	healed := time.Now()
	err = r.allDone(nodes...)
	r.logf("all done %.1f s after it was healed", time.Since(healed).Seconds())
	return err
}

// cut takes the cable's end down for so long, or drops all that passes it.
func (r *round) cut(i *island, long time.Duration) error {
	down := []string{"ip", "link", "set", "cable", "down"}
	up := []string{"ip", "link", "set", "cable", "up"}
	if _, err := exec.LookPath("nft"); err == nil && r.perhaps() {
		down = []string{"nft", "table ip cut { chain in { type filter hook input priority 0; iif cable drop; }; chain out { type filter hook output priority 0; oif cable drop; }; }"}
		up = []string{"nft", "delete table ip cut"}
	}
	r.logf("cut for %v: %q", long, down)
	r.count("cut meshes", 1)
	if err := i.run(down...); err != nil {
		return err
	}
	r.sleep(long)
	return i.run(up...)
}
