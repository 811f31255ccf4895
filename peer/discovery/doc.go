// Package discovery finds the nodes of a mesh and keeps a node connected with
// them.
//
// Each way to find nodes is a finder, which does alone: known addresses
// (joined.go), the local network (mdns.go), a table kept by the nodes
// themselves (dht.go), and who was there before this machine moved (moved.go);
// told.go is what peers tell of peers. All that is found goes to the connector,
// which dials it, and knows why a node could not be reached (why.go).
package discovery
