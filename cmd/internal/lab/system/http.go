package system

import (
	"path/filepath"
	"strings"
)

// HTTP is the star asked in HTTP/1.1, over one connection for all requests.
const HTTP = "http"

func http(kin *System) *System {
	s := *kin // with the same nodes, bound and costs
	s.Name, s.Alias, s.Kin = HTTP, HTTP, kin
	s.Words = Words{Title: "Star over HTTP", Called: "HTTP over one kept connection",
		Says: "The same star, asked in HTTP/1.1 over a connection that is kept and used again."}
	s.Look = Look{Light: "#009e73", Dark: "#2fc79b", Mark: Triangle}
	s.Asks = &Asking{Way: "HTTP, one connection used again", Long: "HTTP/1.1 with a kept connection",
		Cost: "here that costs %s for each chunk over a connection that is used again", HTTP: true}
	s.Launch, s.Logged = overHTTP(), kin.Name
	return &s
}

// overHTTP is how nodes are started that ask the star's server in HTTP.
func overHTTP(more ...string) Launch {
	return Launch{
		Serve: func(s Start) []string {
			web := anyPort(s)
			if told := s.Origin.HTTP; told != "" {
				web = strings.TrimSuffix(strings.TrimPrefix(told, "http://"), "/")
			}
			return serve(s, "--http", web)
		},
		Get: func(s Start) []string {
			return get(s, append([]string{s.Origin.HTTP + filepath.Base(s.File)}, more...)...)
		},
		Ready: listening, AcceptSlowly: acceptSlowly,
	}
}
