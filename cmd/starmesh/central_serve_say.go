package main

import (
	"net"
	"slices"

	"starmesh/central"
	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
	"starmesh/common/store"
)

// announcement is what a server tells the person who started it.
type announcement struct {
	dir         string
	addr        net.Addr
	besides     []string // where clients reach it, as its operator knows
	web         net.Addr // nil: no HTTP
	tls         bool
	fingerprint string
	writable    bool
}

func (a announcement) say(out *cli.Output) {
	first := a.addresses()[0]
	event := map[string]string{"address": first.String(), "listen": a.addr.String()}
	if a.web != nil {
		event["http"] = agent.WebAddress(a.web, a.tls)
	}
	out.Event(system.ListeningEvent, event)
	out.Note("serving %s", a.dir)
	for _, address := range a.addresses() {
		out.Note("  %s", address)
	}
	if a.web != nil {
		out.Note("  %s", agent.WebAddress(a.web, a.tls))
	}
	out.Note("download with: starmesh central get '%s' -o FOLDER", first.At("NAME"))
	if !a.tls && a.writable {
		out.Note("anyone who reaches this address may write, unless --users or --allow says otherwise")
	}
}

// addresses are those under which others can reach the server; at least one.
func (a announcement) addresses() []central.Address {
	var all []central.Address
	for _, hostPort := range append(slices.Clone(a.besides), agent.Reached(a.addr)...) {
		all = append(all, central.Address{HostPort: hostPort, TLS: a.tls, Fingerprint: a.fingerprint})
	}
	return all
}

// scans tells an operator what a look through the folder found that is not as it
// should be: at once, and once.
type scans struct {
	out    *cli.Output
	report *load.Reporter
	dir    string

	away bool // it could not be looked at the last time
	told int  // how many files were said to be left out
}

// tell is called by one goroutine at a time.
func (s *scans) tell(scan store.Scan) {
	switch {
	case scan.Err != nil:
		s.out.Warn("cannot look at all of %s: %v; what is known stays, and it is tried again", s.dir, scan.Err)
		s.out.Event("folder", map[string]string{"state": "unknown", "error": cli.OneLine(scan.Err)})
	case s.away:
		s.out.Note("%s can be looked at again", s.dir)
		s.out.Event("folder", map[string]string{"state": "well"})
	}
	s.away = scan.Err != nil
	left := load.LeftOut{Count: scan.LeftOut.Count, Files: scan.LeftOut.Examples}
	s.report.LeaveOut(left)
	if left.Count > s.told {
		fetch.SayLeftOut(told{s.out}, "served", left)
	}
	s.told = left.Count
}
