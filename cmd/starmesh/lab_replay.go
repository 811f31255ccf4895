package main

import (
	"context"
	"fmt"
	"net"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
)

// newLabReplay shows a lab that was run before.
func newLabReplay() *cobra.Command {
	listen := "127.0.0.1:0"
	cmd := &cobra.Command{
		Use:   "replay DIR",
		Short: "Show a lab run again in a browser, with a slider",
		Long: `replay shows what 'starmesh lab run' saw and saved in DIR: who had what and who
sent to whom at each moment, star and mesh side by side on one clock. It ends
with Ctrl-C. The same replay is inside DIR/report.html.`,
		Example: `  starmesh lab replay results/lab
  starmesh lab replay results/lab --listen :8080`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkAddress(cmd, "listen", listen); err != nil {
				return err
			}
			return replay(cmd, args[0], listen)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", listen, "answer browsers at `ADDR`; port 0 finds a free one")
	cli.AddFlags(cmd)
	return cmd
}

func replay(cmd *cobra.Command, dir, listen string) error {
	hub := dashboard.NewHub()
	trials, err := dashboard.Load(dir, hub.Event)
	if err != nil {
		return err
	}
	if trials == 0 {
		return fault.Wrapf(fault.NotFound, "%s holds no %s/*/%s: name the folder that 'starmesh lab run --out' wrote", dir, labdir.RunsDir, labdir.TimelineFile)
	}
	ln, err := agent.Listen(cmd.Context(), "tcp", listen)
	if err != nil {
		return err
	}
	d := &livePage{ln: ln, cfg: dashboard.Config{Hub: hub}}
	out := cli.ForCommand(cmd)
	out.Event("replay", map[string]any{"url": d.URL(), "trials": trials})
	out.Note("%d runs to see at %s ; Ctrl-C ends", trials, d.URL())
	return d.Serve(cmd.Context(), nil)
}

// dashboard is a lab's page, and where it is.
type livePage struct {
	ln  net.Listener
	cfg dashboard.Config
}

// openDashboard takes the address of a page for a lab that is about to run, so
// that a wrong one is known before any work is done. The agents' token, if the
// environment has one, lets others than this machine command its nodes.
func openDashboard(ctx context.Context, addr string) (*livePage, error) {
	token, err := agent.ReadToken("")
	if err != nil {
		return nil, err
	}
	ln, err := agent.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &livePage{ln, dashboard.Config{Hub: dashboard.NewHub(), Token: token, Live: true}}, nil
}

// Event shows what has happened. It never waits.
func (d *livePage) Event(e labdir.Event) { d.cfg.Hub.Event(e) }

// URL is the page's address. One that listens everywhere is told as it is
// reached from this machine.
func (d *livePage) URL() string {
	host, port, err := net.SplitHostPort(d.ln.Addr().String())
	if err != nil {
		return d.ln.Addr().String()
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("http://%s/", net.JoinHostPort(host, port))
}

// Serve shows the page until ctx ends: let that be after the last event. The
// control, which may be nil, makes its buttons do something.
func (d *livePage) Serve(ctx context.Context, control dashboard.Control) error {
	d.cfg.Control = control
	return dashboard.Serve(ctx, d.ln, d.cfg)
}
