package system

// HTTPClose is the star asked in HTTP, with a connection for each request.
const HTTPClose = "http-close"

func httpClose(kin *System) *System {
	s := *kin // with the same nodes, bound and costs
	s.Name, s.Alias, s.Kin = HTTPClose, HTTP, kin
	s.Words = Words{Title: "Star over HTTP, closing", Called: "HTTP with a connection for each request",
		Says: "HTTP as it began: one connection, one request, one answer, and it is closed."}
	s.Look = Look{Light: "#aa4499", Dark: "#dd99cc", Mark: Diamond}
	s.Asks = &Asking{Way: "HTTP, a connection for each request", Long: "HTTP with a connection for each request",
		Cost: "%s when every request has a connection of its own, which one side opens, the other accepts, and both close",
		HTTP: true, OneByOne: true}
	s.Launch, s.Logged = overHTTP("--http-close"), kin.Name
	return &s
}
