package load

// What a node may be, as Info.Role has it.
const (
	RoleServer = "server"
	RoleClient = "client"
	RoleOrigin = "origin" // a node of a mesh that has the file from the start
	RolePeer   = "peer"
)

// What may be wrong with a node on purpose, as Info.Trait has it. Such nodes
// pass on nothing that is right.
const (
	TraitFreeRider = "free-rider" // it takes and gives nothing
	TraitLiar      = "liar"       // it gives wrong bytes
)
