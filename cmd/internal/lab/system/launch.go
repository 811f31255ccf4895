package system

// Launch is how nodes of a system are started, and what they tell of themselves.
type Launch struct {
	// Serve and Get are the arguments by which this program becomes an origin
	// and a receiver, without those that every node has.
	Serve, Get func(Start) []string
	// Ready waits until a node can be reached, and returns how.
	Ready func(origin bool, await Await) (Told, error)
	// Misbehave is the flag that makes a receiver do wrong on purpose; "":
	// there is nothing that it could do wrong.
	Misbehave string
	// AcceptSlowly is the flag that has an origin wait after each connection it
	// takes; "": not all receivers come to it.
	AcceptSlowly string
}

// Start is what the arguments of one node depend on.
type Start struct {
	File     string // that is sent
	Folder   string // into which a receiver puts it
	Host     string // the IP address that the node has
	Cache    string // folder in which origins find the file's id
	Identity string // file in which an origin keeps its key
	// Origin is what the origin has told. An origin that is started again is to
	// be found where it was; before its first start nothing is told.
	Origin Told
}

// Await waits for an event that the node writes, and decodes its fields into
// into.
type Await func(event string, into any) error

// The events by which nodes tell how they are reached.
const (
	ListeningEvent = "listening" // a server answers at "listen" and "http"
	NodeEvent      = "node"      // a node of the mesh: "id", "addresses"
	TicketEvent    = "ticket"    // what an origin shares is fetched by "ticket"
)

// Told is what a node has told of how it is reached.
type Told struct {
	Listen    string   // HOST:PORT
	HTTP      string   // http://HOST:PORT/
	ID        string   // by which load reports of others name the node
	Addresses []string // with the id at their ends
	Ticket    string
}
