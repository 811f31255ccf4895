// Package peer is the mesh: nodes that are all alike, each of which shares and
// fetches files at the same time, on libp2p.
//
// It owns everything with a network in it: hosts and their limits, finding
// nodes, links, messages, and the node itself. Which chunk goes to whom is
// decided in peer/scheduler, which chunks are still wanted in common/transfer, and
// bytes at rest are common/store's. PROTOCOL.md is what nodes say to each
// other.
//
// Where to look: node.go lives; link.go moves messages and chunks; serve.go
// and fetch.go are one file at this node, as giver and as taker; publish.go,
// find*.go and ask.go are how files and nodes are found; connector.go, dial.go
// and nat.go how nodes are reached; wire.go, records.go and queue.go lie
// between libp2p and the kernel.
package peer
