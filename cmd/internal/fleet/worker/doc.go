// Package worker is what a node that has joined does for its manager, and how
// the manager asks for it: each operation's two ends stand in one file. Beside
// PROTOCOL.md of package fleet it is the whole of what a manager can have done:
//
//	about.go   what the machine has left, its clock, whom it reaches
//	files.go   the file that an origin sends; proof of what a receiver has got
//	run.go     one transfer of this program at a time, its readings and its log
//
// There is no shell, no path of the manager's choosing, and no flag: a manager
// sends a runner.Spec, of which the node checks every field before it makes a
// command line of its own. Everything lies in a folder of the node's own, which
// is removed when the node leaves; only what is pushed (Config.Keep) stays.
package worker
