// Package peer is the mesh: nodes that are all alike, each of which shares and
// fetches files at the same time.
//
// It owns what nodes say to each other: links, messages, swarms, and the node
// itself. Which chunk goes to whom is decided in peer/scheduler; how nodes are
// found and dialled is peer/discovery's, and the libp2p host under it all
// peer/p2phost's. Which chunks are still wanted is common/transfer's, and bytes
// at rest are common/store's. PROTOCOL.md is what nodes say to each other.
//
// Where to look: node.go lives; link.go moves messages and chunks; serve.go
// and fetch.go are one file at this node, as giver and as taker; publish.go,
// find.go and ask.go are how files are found; conn.go is all that is known of a
// network.
package peer
