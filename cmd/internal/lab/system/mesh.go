package system

import (
	"net"
	"strings"
)

// Mesh is equals that pass on what they have.
const Mesh = "mesh"

func mesh() *System {
	return &System{
		Name: Mesh,
		Words: Words{Title: "Mesh", Called: "the mesh",
			Says:  "Equals: whoever has a chunk passes it on. All links give, so the load is spread and more receivers hardly take longer.",
			Level: "a mesh is level", Bound: "max(F/u_s, F/d_min, N·F/(u_s + Σu_i))"},
		Look:   Look{Light: "#0072b2", Dark: "#56b4e9", Mark: Square},
		Nodes:  Nodes{Origin: "origin", Receiver: "peer", Receivers: "receivers"},
		Bound:  meshBound,
		Relays: true,
		Costs:  Costs{Multiple: 1.10, InFlight: 16, Again: 0.02},
		Launch: Launch{
			Serve: func(s Start) []string {
				args := []string{"peer", "serve", s.File, "--cache", s.Cache, "--no-mdns", "--identity", s.Identity}
				return append(args, listenAt(s)...)
			},
			Get: func(s Start) []string {
				args := []string{"peer", "get", s.Origin.Ticket, "-o", s.Folder + "/", "--stay", "forever", "--retry-for", "forever", "--no-mdns"}
				s.Origin = Told{} // a receiver listens where it finds a free port
				return append(args, listenAt(s)...)
			},
			Ready:     joined,
			Misbehave: "--misbehave",
		},
	}
}

// joined waits for the node's id and, of the origin, for its ticket.
func joined(origin bool, await Await) (told Told, err error) {
	if err := await(NodeEvent, &told); err != nil || !origin {
		return told, err
	}
	var share struct{ Ticket string }
	err = await(TicketEvent, &share)
	told.Ticket = share.Ticket
	return told, err
}

// listenAt are the flags of a node that listens where it did before, or at any
// free ports.
func listenAt(s Start) []string {
	addresses := s.Origin.Addresses
	if len(addresses) == 0 {
		hosts := []string{"/ip4/" + s.Host}
		switch ip := net.ParseIP(s.Host); {
		case ip.Equal(net.IPv6unspecified): // every address, as servers mean it that listen there
			hosts = []string{"/ip6/::", "/ip4/0.0.0.0"}
		case ip != nil && ip.To4() == nil:
			hosts = []string{"/ip6/" + s.Host}
		}
		for _, at := range hosts {
			addresses = append(addresses, at+"/tcp/0", at+"/udp/0/quic-v1")
		}
	}
	var flags []string
	for _, a := range addresses {
		address, _, _ := strings.Cut(a, "/p2p/")
		flags = append(flags, "--listen", address)
	}
	return flags
}
