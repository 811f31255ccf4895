package runlogs

import (
	"slices"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
)

// A server speaks its own protocol and HTTP at once, and its log says the same
// whoever came. So a run over HTTP has receivers of one system and an origin
// that calls itself another's.

// withServers moves servers to the receivers over HTTP that they alone served:
// those in the server's folder while it ran, or at that time in other folders
// when its own has no receivers. A server that served receivers of several
// systems at once stays what its log says: its load cannot be divided.
func withServers(all []bucket, systems system.Table) []bucket {
	for i := range all {
		server := systems.Named(all[i].system).Logged
		if server == "" || among(all[i].nodes, metrics.Origin) != nil {
			continue
		}
		for j := range all {
			if all[j].system != server {
				continue
			}
			mine := func(n *Node) bool { return n.part() == metrics.Origin && servedAlone(n, all[j].dir, all[i], all) }
			for _, n := range all[j].nodes {
				if mine(n) {
					all[i].nodes = append(all[i].nodes, n)
				}
			}
			all[j].nodes = slices.DeleteFunc(all[j].nodes, mine)
		}
	}
	return slices.DeleteFunc(all, func(b bucket) bool { return len(b.nodes) == 0 })
}

// servedAlone reports whether a server, whose log is in dir, had the receivers of
// b and no others.
func servedAlone(server *Node, dir string, b bucket, all []bucket) bool {
	during := func(n *Node) bool { return overlap([]*Node{server}, []*Node{n}) }
	if !slices.ContainsFunc(among(b.nodes, metrics.Receiver), during) {
		return false
	}
	near := false // whether somebody's log is beside the server's
	for _, other := range all {
		if other.dir == dir && slices.ContainsFunc(among(other.nodes, metrics.Receiver), during) {
			if other.system != b.system {
				return false
			}
			near = true
		}
	}
	return near == (b.dir == dir)
}

// among returns the nodes that have that part; nil if none has.
func among(nodes []*Node, part metrics.Part) []*Node {
	var found []*Node
	for _, n := range nodes {
		if n.part() == part {
			found = append(found, n)
		}
	}
	return found
}
