// Package fetch puts files in their places, whatever brings them: a server, the
// mesh, or whatever comes later. It goes on with what an interrupted run left,
// keeps the books of what arrives, and puts a file on standard output in order;
// a node of the mesh also shares what it has, and a client of the star puts files
// where a server takes them.
//
// A way to get files (Star, Mesh, Hybrid) is a file of its own here. It finds out what
// its arguments stand for and implements carrier, two methods; Place does the
// rest. Words for people and events for programs go to an Output.
package fetch
