// Package runner makes the runs of a lab. It is the manager of the
// manager–agent model: every node is a process of the program with an agent,
// which the manager asks for its reading at regular times and gives commands.
//
// A run goes like this. The origin is started, and when it is ready the
// receivers, which get ready and wait. When all agents answer, the receivers
// are told to start, all at once; the distribution time counts from there.
// Agents are polled until every receiver holds the file or none gets any
// further. Then, off the clock, every file is compared with the original byte
// for byte, the nodes are ended, receivers before the origin, and what was seen
// is written down as package labdir says.
//
// Every node is a process of this very program that tells what it does in JSON
// events on its standard output. No node outlives its manager. The manager holds
// the other end of the node's standard input; when the manager ends, however it
// does, the system closes that, and the node ends in good order, or at once if
// it takes longer than LastGrace. That works on every system, and is also how a
// node is stopped. On Linux it holds for a node that is frozen too.
package runner
