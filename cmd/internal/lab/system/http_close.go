package system

// HTTPClose is the star asked in HTTP, with a connection for each request.
const HTTPClose = "http-close"

func httpClose(kin *System) *System {
	return &System{
		Name: HTTPClose, Alias: HTTP,
		Words: Words{Title: "Star over HTTP, closing", Called: "HTTP with a connection for each request",
			Says: "HTTP as it began: one connection, one request, one answer, and it is closed."},
		Look:  Look{Light: "#aa4499", Dark: "#dd99cc", Mark: Diamond},
		Nodes: serverAndClients(),
		Kin:   kin,
		Bound: starBound,
		Costs: costsOfServer(),
		Asks: &Asking{Way: "HTTP, a connection for each request", Long: "HTTP with a connection for each request",
			Cost: "%s when every request has a connection of its own, which one side opens, the other accepts, and both close",
			HTTP: true, OneByOne: true, Logged: Star},
		Launch: overHTTP("--http-close"),
	}
}
