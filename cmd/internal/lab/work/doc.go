// Package work keeps what a lab needs only while it runs: a folder inside the
// lab's own, held by a lock that goes with the process of its manager. When a
// manager was killed, whoever comes next can tell that it is gone, and which
// files in the lab's folder nobody needs any more.
//
// Only what a lab has put there is ever removed, each file by its name, and
// nothing outside the lab's folder: no symbolic link leads out of it.
package work

// Names in the folder.
const (
	Name  = "work"       // of the folder itself, in the lab's
	File  = "random.bin" // what is sent, if it is made up
	Cache = "cache"      // a folder: what is known of the file
	mark  = "lock"
)

// What a manager puts into the folder of each trial, for as long as that runs.
const (
	Received = "received" // the copies, one folder a receiver
	Key      = "origin.key"
)
