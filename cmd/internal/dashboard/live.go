package dashboard

import (
	"context"
	"fmt"
	"net"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
)

// Live is the page of a lab that runs, and where it is.
type Live struct {
	ln  net.Listener
	cfg Config
}

// Listen takes the address of a page for a lab that is about to run, so that a
// wrong one is known before any work is done. The agents' token, if the
// environment has one, lets others than this machine command its nodes. Systems
// are those that it shows; nil: system.All.
func Listen(ctx context.Context, addr string, systems system.Table) (*Live, error) {
	token, err := agent.ReadToken("")
	if err != nil {
		return nil, err
	}
	ln, err := agent.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &Live{ln, Config{Hub: NewHub(), Token: token, Live: true, Systems: systems}}, nil
}

// Event shows what has happened. It never waits.
func (l *Live) Event(e labdir.Event) { l.cfg.Hub.Event(e) }

// URL is the page's address, and Where says it to people.
func (l *Live) URL() string   { return URL(l.ln.Addr()) }
func (l *Live) Where() string { return Where(l.ln.Addr()) }

// Serve shows the page until ctx ends: let that be after the last event.
// control makes its buttons do something.
func (l *Live) Serve(ctx context.Context, control Control) error {
	l.cfg.Control = control
	return Serve(ctx, l.ln, l.cfg)
}

// Where returns URL(addr), and how others reach a page that listens everywhere.
func Where(addr net.Addr) string {
	host, _, err := net.SplitHostPort(addr.String())
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return URL(addr)
	}
	return fmt.Sprintf("%s (from other machines %s)", URL(addr), agent.WebAddress(addr, false))
}

// URL returns the address of a page at addr. One that listens everywhere is
// told as it is reached from this machine.
func URL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("http://%s/", net.JoinHostPort(host, port))
}
