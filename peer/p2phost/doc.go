// Package p2phost is a libp2p host whose traffic is counted and limited, that
// may prove a network key before anything is said, and that punches holes.
//
// It is the only room that knows the insides of go-libp2p: yamux's frames, TLS
// records, the resource manager, the errors of its dials. Others see
// connections and streams (Conn, Stream), of which words overtake bulk, and
// addresses. PROTOCOL.md of the mesh says what the proof and the order of
// dialling look like from outside.
//
// Where to look: host.go puts a host together; wire*.go and records*.go lie
// between libp2p and the kernel, queue.go between the streams and them; gate.go
// and private*.go decide who is talked with; dial.go, nat.go and reach.go are
// how nodes are reached, address.go and distance.go where they are; secret.go
// and identity.go keep keys in files.
package p2phost
