package labdir

// Names in the folder.
const (
	ScratchName  = "work"       // of the folder itself, in the lab's
	ScratchFile  = "random.bin" // what is sent, if it is made up
	ScratchCache = "cache"      // a folder: what is known of the file
	mark         = "lock"
)

// What a manager puts into the folder of each run, for as long as that runs.
const (
	ReceivedDir = "received" // the copies, one folder a receiver
	OriginKey   = "origin.key"
)
