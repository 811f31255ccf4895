// Package peer is the mesh: nodes that are all alike, each of which shares and
// fetches files at the same time.
//
// It owns what nodes say to each other: links, messages, swarms, and the node
// itself. Which chunk goes to whom is decided in peer/scheduler; how nodes are
// found and dialled is peer/discovery's, and the libp2p host under it all
// peer/p2phost's. Which chunks are still wanted is common/transfer's, and bytes
// at rest are common/store's. PROTOCOL.md is what nodes say to each other.
//
// Where to look: node.go lives, and puts libp2p behind what conn.go knows of a
// network; serve.go takes up connections, of which links.go says which counts;
// link.go moves messages and chunks, dispatch.go hands each to whom it is for,
// and membership.go is what a link has to do with which files. One file at this
// node is swarm.go, and its two halves are give.go (seeding) and take.go
// (leeching), which fetch.go drives. publish.go and shelf.go are what is shared
// here; find.go and ask.go ask others.
//
// # Locks
//
// A goroutine that takes several locks takes them in this order, one of each
// kind at a time:
//
//  1. shelf.lending: one file of a folder is made ready at a time
//  2. membership.mu: which files a remote has to do with, of one link
//  3. swarm.mu: members, what is given and taken, of one file
//  4. outbox.mu: words to be written, of one link
//
// A test in cmd/internal/layout holds the package to it. All others (life, links, shelf, trace, and those of store, transfer and
// discovery) are leaves: nothing is locked while one of them is held. Methods
// whose names end in Locked want the lock of what they belong to.
package peer
