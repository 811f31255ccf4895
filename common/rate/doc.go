// Package rate limits how fast a node sends and receives: the same door for
// central and peer, so that both builds can be given the very same link.
//
// A limit counts the bytes passed to and from a connection: payload and the
// protocol's own bytes alike, but not TCP, UDP or IP headers.
package rate
