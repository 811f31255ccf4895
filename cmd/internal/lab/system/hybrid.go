package system

import "path/filepath"

// Hybrid is a server whose receivers pass on what they have.
const Hybrid = "hybrid"

func hybrid(star, mesh *System) *System {
	s := *mesh // in all but who has the file at first
	s.Name, s.Logged = Hybrid, star.Name
	s.Words = Words{Title: "Hybrid", Called: "the hybrid",
		Says:  "A server and a mesh: the server sends hardly more than one copy, and the receivers pass it on.",
		Level: "in a hybrid the server's bar is as low as all others", Bound: mesh.Words.Bound}
	s.Look = Look{Light: "#7a5195", Dark: "#b58fd0", Mark: Cross}
	s.Nodes = Nodes{Origin: star.Nodes.Origin, Receiver: mesh.Nodes.Receiver, Receivers: mesh.Nodes.Receivers}
	s.Launch = Launch{
		Serve: star.Launch.Serve,
		Get: func(s Start) []string {
			args := []string{"get", "star://" + s.Origin.Listen + "/" + filepath.Base(s.File), "-o", s.Folder + "/",
				"--stay", "forever", "--retry-for", "forever", "--no-mdns"}
			s.Origin = Told{} // a receiver listens where it finds a free port
			return append(args, listenAt(s)...)
		},
		Ready: func(origin bool, await Await) (Told, error) {
			if origin {
				return star.Launch.Ready(origin, await)
			}
			return mesh.Launch.Ready(origin, await)
		},
		Misbehave: mesh.Launch.Misbehave,
	}
	return &s
}
