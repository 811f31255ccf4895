// Package central is the star: one server, many clients, raw TCP, and the same
// files over HTTP.
//
// It owns the protocol of PROTOCOL.md in this folder, the links that speak it,
// the server and the client. It does not own files (common/store), which chunks
// to ask for next (common/transfer), or the words printed for people (cmd).
//
// The same verbs run through the file names here and in package peer:
// publish.go (bytes go up), find.go (what is there), fetch.go (bytes come
// down), serve.go (answering). What has no twin there is the difference
// between the two: a client and a server here, nodes there.
package central
