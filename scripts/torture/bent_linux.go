package main

import (
	"errors"
	"net"
	"strings"
	"time"
)

const (
	// requests is about what a client says to fetch a file.
	requests = 200
	// inFlight bounds what is on its way, not yet verified, when a connection
	// breaks: that may be fetched again.
	inFlight = 2 << 20
)

// bent are scenarios with a proxy in the middle.
func bent() []scenario {
	quick := []string{"delay", "cut", "flip", "trickle", "half-close", "reset"}
	const checks = "a proxy delays, cuts, flips a bit, trickles, half-closes, resets: the right file, at most what was in flight again"
	const still = "a connection goes silent and stays open: noticed, and done over another, within 75 s"
	through := func(way func(*round, ...string) error, kinds ...string) func(*round) error {
		return func(r *round) error { return way(r, kinds...) }
	}
	return []scenario{
		{"proxy-get", checks, 4 * time.Second, 80 * time.Second, nil, through(bentGet, quick...)},
		{"proxy-put", checks, 4 * time.Second, 80 * time.Second, nil, through(bentPut, quick...)},
		{"proxy-mesh", checks, 6 * time.Second, 80 * time.Second, namespaced, through(bentMesh, quick...)},
		{"stall-get", still, 70 * time.Second, 100 * time.Second, nil, through(bentGet, "stall")},
		{"stall-put", still, 70 * time.Second, 100 * time.Second, nil, through(bentPut, "stall")},
		{"stall-mesh", still, 70 * time.Second, 100 * time.Second, namespaced, through(bentMesh, "stall")},
	}
}

// patience is how long a transfer through a proxy may take: a minute of
// silence is what the program waits before it gives up a connection.
const patience = 75 * time.Second

// insists waits until the client has succeeded. A bit that flips in a request
// may make another one of it, and the answer final: then the command is given
// again. down says where requests go.
func (n *node) insists(troubles []trouble, down bool) error {
	for _, t := range troubles {
		if t.kind != "flip" || t.down != down {
			continue
		}
		if status, err := n.wait(patience); err != nil || status == 0 {
			return err
		}
		n.again()
	}
	return n.succeeds(patience)
}

// bentGet fetches through a proxy, over the raw protocol, HTTP, or TLS.
func bentGet(r *round, kinds ...string) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"))
	if err != nil {
		return err
	}
	scheme, port := "star", at.Listen
	if r.perhaps() {
		scheme, port = "http", strings.Trim(strings.TrimPrefix(at.HTTP, "http:"), "/")
	}
	troubles := r.ail(size, requests, kinds...)
	if kinds[0] == "stall" {
		troubles = troubles[:1] // each may take as long as is allowed
	}
	p, err := r.proxy(nil, port, troubles...)
	if err != nil {
		return err
	}
	c := r.start("client", "central", "get", scheme+"://"+p.listener.Addr().String()+"/file",
		"--output", r.path("to")+"/", "--json", loadLog)
	err = c.insists(troubles, false)
	p.tally(r)
	return errors.Join(err, same(r.path("from"), r.path("to")), keptAll(c, size, inFlight*int64(len(troubles)), 0), s.stop())
}

func bentPut(r *round, kinds ...string) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	if err := r.write(nil, "to", "marker"); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("to"), "--writable")
	if err != nil {
		return err
	}
	troubles := r.ail(requests, size, kinds...)
	if kinds[0] == "stall" {
		troubles = troubles[:1]
	}
	p, err := r.proxy(nil, at.Listen, troubles...)
	if err != nil {
		return err
	}
	c := r.start("client", "central", "put", "star://"+p.listener.Addr().String(), r.path("from", "file"),
		"--json", loadLog)
	err = c.insists(troubles, true)
	p.tally(r)
	return errors.Join(err, same(r.path("from"), r.path("to")), s.stop())
}

// bentMesh has the origin on an island, so that the proxy is the only way.
func bentMesh(r *round, kinds ...string) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	far, err := r.island("island")
	if err != nil {
		return err
	}
	listen := loopback()
	o, ticket, err := r.share(far, listen, r.path("from", "file"))
	if err != nil {
		return err
	}
	known, err := o.event("node")
	if err != nil {
		return err
	}
	troubles := r.ail(size, requests, kinds...)
	if kinds[0] == "stall" {
		troubles = troubles[:1]
	}
	p, err := r.proxy(far, "127.0.0.1:"+listen[strings.LastIndexByte(listen, '/')+1:], troubles...)
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(p.listener.Addr().String())
	if err != nil {
		return err
	}
	c := r.receiver("to", ticket.ID, "--join", "/ip4/127.0.0.1/tcp/"+port+"/p2p/"+known.ID)
	err = c.succeeds(patience)
	p.tally(r)
	return errors.Join(err, same(r.path("from"), r.path("to")), keptAll(c, size, inFlight*int64(len(troubles)), inFlight), o.stop())
}
