// Package links gives the nodes of a run their places: an address to listen
// on, an access link with a rate each way, and, where the kernel shapes that
// link, a count of the bytes that crossed it.
//
//	rate    every node on 127.0.0.1; it limits itself, by --up and --down.
//	        Anywhere, for everyone; the rates are those of the payload's
//	        connections as the program sees them, the link itself is not counted.
//	netns   every node in a network namespace of its own, behind an access link
//	        that the kernel shapes and counts. Linux, as root.
//
//	   node 0              hub: a namespace that holds a bridge             node 1
//	  ┌────────┐ up: shaped ┌──────┐                ┌──────┐ down: shaped ┌────────┐
//	  │  eth0  ├───────────▶│  p0  ├──── bridge ────┤  p1  ├─────────────▶│  eth0  │
//	  └────────┘            └──────┘                └──────┘              └────────┘
//
// The namespaces have no names: they live as long as the manager has their
// descriptors open or a node runs in them, so that the kernel removes them, and
// the links with them, however the manager ends. Nothing is made or changed in
// the network that the manager itself lives in.
//
// The package does not know what the nodes do, nor which part each one has.
package links
