// Package peer is the mesh: nodes that are all alike, each of which fetches
// and serves at the same time.
package peer
