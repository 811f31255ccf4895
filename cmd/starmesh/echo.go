package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/echo"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/trace"
)

// echoCommand holds the echo service and its client.
func echoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "echo",
		Short: "Send messages to a service that sends them back, over TCP and UDP",
		Long: `echo is the Echo Protocol of RFC 862: whatever the service receives it sends
back. It is the shortest way to see every step that a TCP and a UDP socket go
through: add --trace to either side.

RFC 862 gives the service port 7. Ports below 1024 need privileges on many
systems, so port 7007 is used here unless you ask for another.`,
		Example: `  starmesh echo serve --trace
  starmesh echo send 127.0.0.1:7007 hello
  starmesh echo send --udp 127.0.0.1:7007 hello`,
	}
	cmd.AddCommand(newEchoServe(), newEchoSend())
	return cmd
}

// echoServe is the state of one run of the service.
type echoServe struct {
	cfg       echo.Config
	trace     bool
	agentAddr string
}

func newEchoServe() *cobra.Command {
	var s echoServe
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Send back whatever comes, over TCP and UDP",
		Long: `serve listens on one address, over TCP and UDP unless told otherwise, until it
is stopped. Datagrams from ports below 1024 and from port numbers like its own
get no answer: two services that answer each other would never stop. Anyone who
reaches the address can use it, so leave it on this machine (127.0.0.1) or in a
network you trust.`,
		Example: `  starmesh echo serve
  starmesh echo serve --trace --tcp
  starmesh echo serve --listen :7007 --agent 127.0.0.1:7071
  sudo starmesh echo serve --listen :7        # the port of RFC 862 needs privileges
  nc 127.0.0.1 7007                           # any TCP client will do`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd) },
	}
	flags := cmd.Flags()
	flags.StringVarP(&s.cfg.Address, "listen", "l", echo.DefaultAddress, "listen at `ADDR`; :7007 is every interface")
	flags.BoolVar(&s.cfg.TCP, "tcp", false, "over TCP only")
	flags.BoolVar(&s.cfg.UDP, "udp", false, "over UDP only")
	flags.IntVar(&s.cfg.MaxConns, "max-conns", 1024, "TCP connections at once; more are closed again")
	flags.DurationVar(&s.cfg.Idle, "idle", time.Minute, "close a TCP connection on which nothing moves for this long")
	flags.StringVar(&s.agentAddr, "agent", "", "answer /metrics, /load and /sockets over HTTP at `ADDR`, such as 127.0.0.1:7071")
	addEchoTrace(cmd, &s.trace)
	return cmd
}

func addEchoTrace(cmd *cobra.Command, trace *bool) {
	cmd.Flags().BoolVar(trace, "trace", false, "print each socket step as it happens: socket, bind, listen, accept, connect, send, recv, close")
	cli.AddFlags(cmd)
}

func (s *echoServe) run(cmd *cobra.Command) error {
	if s.cfg.MaxConns < 1 || s.cfg.Idle <= 0 {
		return cli.Usagef(cmd, "--max-conns and --idle must be more than 0")
	}
	if err := agent.CheckAddress(s.cfg.Address); err != nil {
		return cli.Usage(cmd, err)
	}
	cli.DateLines(cmd)
	out := cli.ForCommand(cmd)
	s.cfg.Meter, s.cfg.Sockets = new(load.Meter), new(load.Sockets)
	s.cfg.Trace = echoTrace(out, s.trace)
	s.cfg.Ready = func(network string, addr net.Addr) {
		out.Event("listening", map[string]string{"network": network, "address": addr.String()})
		out.Note("echo over %s: %s", strings.ToUpper(network), addr)
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	info := load.Info{
		Node: fmt.Sprintf("echo-%d", os.Getpid()), System: "echo", Role: load.RoleServer,
		Version: cli.ThisBuild().Version, Command: os.Args,
	}
	w := &agent.Watch{Address: s.agentAddr, Config: agent.Config{
		Reporter: load.NewReporter(info, s.cfg.Meter, s.cfg.Sockets), Sockets: s.cfg.Sockets, Stop: stop,
	}}
	return watched(ctx, out, w, func() error { return echo.Serve(ctx, s.cfg) })
}

// echoTrace returns a printer of socket steps, nil if they are not asked for.
func echoTrace(out *cli.Output, wanted bool) *trace.Trace {
	if !wanted {
		return nil
	}
	return trace.New(out.Lines())
}

func newEchoSend() *cobra.Command {
	var cfg echo.SendConfig
	var udp, steps bool
	cmd := &cobra.Command{
		Use:   "send ADDR [TEXT]...",
		Short: "Send text to an echo service and check what comes back",
		Long: `send sends TEXT, or each line of standard input, to an echo service and waits for
it to come back. What came back goes to standard output, the time it took to
standard error. Over UDP a message may be lost: that is told, and the next one
sent.`,
		Example: `  starmesh echo send 127.0.0.1:7007 hello
  starmesh echo send --udp --trace 127.0.0.1:7007 hello
  starmesh echo send 127.0.0.1:7007 < poem.txt | cmp - poem.txt`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg.Address = args[0]
			if udp {
				cfg.Network = "udp"
			}
			return sendEcho(cmd, cfg, steps, args[1:])
		},
	}
	cmd.Flags().BoolVarP(&udp, "udp", "u", false, "over UDP instead of TCP")
	cmd.Flags().DurationVar(&cfg.Timeout, "timeout", 2*time.Second, "wait this long for each echo")
	addEchoTrace(cmd, &steps)
	return cmd
}

func sendEcho(cmd *cobra.Command, cfg echo.SendConfig, steps bool, words []string) error {
	if cfg.Timeout <= 0 {
		return cli.Usagef(cmd, "--timeout must be more than 0")
	}
	if err := agent.CheckAddress(cfg.Address); err != nil {
		return cli.Usage(cmd, err)
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	out := cli.ForCommand(cmd)
	cfg.Trace = echoTrace(out, steps)
	printed := error(nil)
	cfg.Echoed = func(e echo.Echo) {
		if err := printEcho(cmd.OutOrStdout(), out, e); err != nil {
			printed = err
			stop()
		}
	}
	messages := io.Reader(strings.NewReader(strings.Join(words, " ") + "\n"))
	if len(words) == 0 {
		messages = cmd.InOrStdin()
	}
	err := echo.Send(ctx, cfg, messages)
	switch {
	case printed != nil:
		return fmt.Errorf("cannot print the echo: %w", printed)
	case errors.Is(err, context.Canceled):
		return context.Canceled
	}
	return err
}

func printEcho(w io.Writer, out *cli.Output, e echo.Echo) error {
	if out.Mode() == cli.JSON {
		out.Event("echo", map[string]any{
			"text": string(e.Text), "bytes": len(e.Text), "from": e.From.String(), "seconds": e.Time.Seconds(),
		})
		return nil
	}
	if _, err := w.Write(e.Text); err != nil {
		return err
	}
	out.Note("%s came back from %s in %s", units.Counted(len(e.Text), "byte"), e.From, units.Duration(e.Time))
	return nil
}
