package system

import (
	"net"
	"path/filepath"
)

// Star is one server and its clients, over raw TCP.
const Star = "star"

func star() *System {
	return &System{
		Name: Star,
		Words: Words{Title: "Star", Called: "the star",
			Says:  "One server sends every byte to every client. Its link is the only one that gives, so twice the clients take twice the time.",
			Level: "in a star one bar carries everything", Bound: "max(N·F/u_s, F/d_min)"},
		Look:  Look{Light: "#d55e00", Dark: "#f28a3c", Mark: Disc},
		Nodes: Nodes{Origin: "server", Receiver: "client", Receivers: "clients"},
		Bound: starBound,
		Costs: Costs{Multiple: 1.05, InFlight: 2},
		Asks: &Asking{Way: "raw socket", Long: "a raw socket that stays open",
			Cost: "The raw socket costs %s: its requests are numbers, one asks for many chunks, and the next is sent before the last is answered"},
		Launch: Launch{
			Serve: func(s Start) []string { return serve(s) },
			Get:   func(s Start) []string { return get(s, s.Origin.Listen, filepath.Base(s.File)) },
			Ready: listening, AcceptSlowly: acceptSlowly,
		},
	}
}

const acceptSlowly = "--accept-slowly"

// serve starts the server, of the star and its kin.
func serve(s Start, more ...string) []string {
	listen := s.Origin.Listen
	if listen == "" {
		listen = anyPort(s)
	}
	args := []string{"central", "serve", s.File, "--listen", listen, "--cache", s.Cache, "--grace", "100ms"}
	return append(args, more...)
}

// listening waits for the server; of a client nobody must know anything.
func listening(origin bool, await Await) (told Told, err error) {
	if origin {
		err = await(ListeningEvent, &told)
	}
	return told, err
}

func anyPort(s Start) string { return net.JoinHostPort(s.Host, "0") }

func get(s Start, from ...string) []string {
	args := append([]string{"central", "get"}, from...)
	return append(args, "-o", s.Folder+"/", "--retry-for", "24h")
}
