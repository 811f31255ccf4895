// Package load counts what a node carried and says so: in a log of JSON Lines,
// to Prometheus, and as a table of sockets.
//
// A Meter is counted into while bytes move, Sockets knows the node's sockets
// and asks the kernel about them, a Reporter takes both together with the
// figures of the process into one Report. All figures are totals since the
// node's start; names carry their units. A figure that cannot be known here is
// absent, never zero.
//
// The zero values of Meter and Sockets are ready for use, by any number of
// goroutines. Neither may be nil: a node that nobody measures counts into a
// new(Meter) that nobody reads.
package load
