package agent

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"starmesh/common/httphost"
)

// CommandHeader must be sent with every command, with any value. A page of
// another site cannot make a browser send it: that is what keeps such a page
// from commanding a node on the machine of whoever looks at it (cross-site
// request forgery).
const CommandHeader = "X-Starmesh-Command"

// Guard lets those requests through to next that an agent with this token, known
// by these names, would take: it is the agent's own rule, for others who are asked over HTTP.
// It also bounds a request's body to 64 KiB, and sets the headers of an answer
// that is not kept, guessed at or framed; next may set its own
// Content-Security-Policy.
func Guard(token string, names httphost.Names, next http.Handler) http.Handler {
	g := guard{token, names}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Security-Policy", "default-src 'none'")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			if why := g.mayRead(r); why != "" {
				http.Error(w, why, http.StatusForbidden)
				return
			}
		default:
			if status, why := g.mayCommand(r); why != "" {
				http.Error(w, why, status)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

const maxBody = 64 << 10

// MayCommand reports whether Guard, without names, would take a command from whoever sent r.
func MayCommand(token string, r *http.Request) bool {
	_, why := guard{token: token}.mayCommand(r)
	return why == ""
}

// guard decides who may ask what.
type guard struct {
	token string
	names httphost.Names
}

// mayRead returns why a reading is refused; "" if it is not. Everyone who
// reaches the address may read, but has to name it by what no other site can
// make point at it: see package httphost.
//
// A page of another site is told nothing in any case: it could not read it, but
// would take a place among those who may.
func (g guard) mayRead(r *http.Request) string {
	switch {
	case crossSite(r):
		return "pages of another site are told nothing"
	case g.names.Allow(r.Host), g.hasToken(r):
		return ""
	default:
		return httphost.Refusal(r.Host)
	}
}

// mayCommand returns why a command is refused, with the HTTP status; "" if it is
// not.
func (g guard) mayCommand(r *http.Request) (int, string) {
	if crossSite(r) {
		return http.StatusForbidden, "commands are not taken from pages of another site"
	}
	if g.hasToken(r) {
		return 0, ""
	}
	if !fromLoopback(r) {
		if g.token == "" {
			return http.StatusForbidden, "commands are taken from this machine only: the agent has no token"
		}
		return http.StatusUnauthorized, "commands from another machine need the agent's token: Authorization: Bearer TOKEN"
	}
	if why := g.mayRead(r); why != "" {
		return http.StatusForbidden, why
	}
	if r.Header.Get(CommandHeader) == "" {
		return http.StatusForbidden, "commands need the header " + CommandHeader + ": 1"
	}
	return 0, ""
}

// crossSite reports whether a browser says that a page from elsewhere asks.
func crossSite(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	return origin != "" && !sameHost(origin, r.Host)
}

// hasToken compares in constant time, lengths included.
func (g guard) hasToken(r *http.Request) bool {
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok || g.token == "" {
		return false
	}
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(g.token))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// fromLoopback reports whether the request was made on this machine, and not
// passed on by a proxy on it.
func fromLoopback(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

func sameHost(origin, host string) bool {
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, host)
}
