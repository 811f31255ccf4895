package runner

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/scenario"
)

// ways is how nodes are reached and called. An origin that is started again
// keeps its ways.
type ways struct {
	listen string   // the star's address
	web    string   // the same over HTTP: http://HOST:PORT/
	mesh   []string // the addresses of the mesh's origin, without its id
	ticket string   // the mesh's

	mu    sync.Mutex
	names map[string]string // node's names by libp2p's ids
}

// learn waits for what a node tells of how it is reached.
func (w *ways) learn(ctx context.Context, system string, n *node, p *Process) error {
	if system == scenario.Mesh {
		return w.learnMesh(ctx, n, p)
	}
	if n.receiver() {
		return nil
	}
	var told struct{ Listen, HTTP string }
	if _, err := p.Await(ctx, "listening", &told); err != nil {
		return err
	}
	w.listen, w.web = told.Listen, told.HTTP
	return nil
}

func (w *ways) learnMesh(ctx context.Context, n *node, p *Process) error {
	var told struct {
		ID        string
		Addresses []string
	}
	if _, err := p.Await(ctx, "node", &told); err != nil {
		return err
	}
	w.mu.Lock()
	if w.names == nil {
		w.names = make(map[string]string)
	}
	w.names[told.ID] = n.name
	w.mu.Unlock()
	if n.receiver() {
		return nil
	}
	var shared struct{ Ticket string }
	if _, err := p.Await(ctx, "ticket", &shared); err != nil {
		return err
	}
	w.ticket, w.mesh = shared.Ticket, nil
	for _, a := range told.Addresses {
		address, _, _ := strings.Cut(a, "/p2p/")
		w.mesh = append(w.mesh, address)
	}
	return nil
}

// name gives the name of the node that load reports call remote; "" if nobody
// knows it.
func (w *ways) name(remote string) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names[remote]
}

// folderOf is the folder into which a receiver puts the file.
func (t *trial) folderOf(n *node) string { return filepath.Dir(t.copyOf(n)) }

// file is the name of the files about a node's present start, without their
// endings.
func (t *trial) file(n *node) string {
	if n.starts > 1 {
		return filepath.Join(t.dir, fmt.Sprintf("%s.%d", n.name, n.starts))
	}
	return filepath.Join(t.dir, n.name)
}

// commandLine is how a node is started, or started again: then it begins at
// once.
func (t *trial) commandLine(n *node, log string, again bool) []string {
	args := t.systemLine(n)
	args = append(args, "--node", n.name, "--load-log", log, "--load-interval", t.logInterval().String(),
		"--agent", n.place.Agent())
	if n.receiver() && !again {
		args = append(args, "--"+HoldFlag)
	}
	args = append(args, n.place.Flags()...)
	return append(args, n.shape.Flags...)
}

// logInterval is short for a short trial, so that its plots have points.
func (t *trial) logInterval() time.Duration {
	const points = 40
	interval := time.Duration(t.bound() / points * float64(time.Second))
	return min(max(interval, 100*time.Millisecond), time.Second).Round(10 * time.Millisecond)
}

// systemLine is the part of a command line that is the system's own.
func (t *trial) systemLine(n *node) []string {
	switch {
	case t.System == scenario.Mesh && n.receiver():
		return append([]string{"peer", "get", t.ways.ticket, "-o", t.folderOf(n) + "/", "--stay", "forever",
			"--retry-for", "forever", "--no-mdns"}, listenAt(meshAddresses(n))...)
	case t.System == scenario.Mesh:
		addresses := t.ways.mesh
		if addresses == nil {
			addresses = meshAddresses(n)
		}
		return append([]string{"peer", "serve", t.cfg.File.Path, "--cache", t.cfg.Cache, "--no-mdns",
			"--identity", filepath.Join(t.dir, labdir.OriginKey)}, listenAt(addresses)...)
	case n.receiver():
		return t.starClient(n)
	}
	return t.starServer(n)
}

func (t *trial) starServer(n *node) []string {
	free := net.JoinHostPort(n.place.Host(), "0")
	listen, web := t.ways.listen, strings.TrimSuffix(strings.TrimPrefix(t.ways.web, "http://"), "/")
	if listen == "" {
		listen, web = free, free
	}
	args := []string{"central", "serve", t.cfg.File.Path, "--listen", listen, "--cache", t.cfg.Cache, "--grace", "100ms"}
	if t.System != scenario.Star {
		args = append(args, "--http", web)
	}
	return args
}

func (t *trial) starClient(n *node) []string {
	name := filepath.Base(t.cfg.File.Path)
	rest := []string{"-o", t.folderOf(n) + "/", "--retry-for", "24h"}
	switch t.System {
	case scenario.HTTP:
		return append([]string{"central", "get", t.ways.web + name}, rest...)
	case scenario.HTTPClose:
		return append([]string{"central", "get", t.ways.web + name, "--http-close"}, rest...)
	}
	return append([]string{"central", "get", t.ways.listen, name}, rest...)
}

// meshAddresses are those a node takes any free ports at.
func meshAddresses(n *node) []string {
	kind := "ip4"
	if ip := net.ParseIP(n.place.Host()); ip != nil && ip.To4() == nil {
		kind = "ip6"
	}
	at := "/" + kind + "/" + n.place.Host()
	return []string{at + "/tcp/0", at + "/udp/0/quic-v1"}
}

func listenAt(addresses []string) []string {
	var flags []string
	for _, a := range addresses {
		flags = append(flags, "--listen", a)
	}
	return flags
}
