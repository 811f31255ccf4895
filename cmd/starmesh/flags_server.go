package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fetch"
	"starmesh/common/load"
	"starmesh/common/trace"
)

// connectFlags say how a client connects to a server.
type connectFlags struct {
	node         nodeFlags
	user         string
	passwordFile string
	tls          bool
	pins         string
	retryFor     time.Duration // of those that go on when the server goes away
}

func (f *connectFlags) add(cmd *cobra.Command) {
	f.node.add(cmd)
	f.addLogin(cmd)
	cmd.Flags().BoolVar(&f.tls, "tls", false, "encrypt (TLS 1.3), as an address stars://… does")
}

// addLogin adds the flags by which client and server trust each other.
func (f *connectFlags) addLogin(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.user, "user", "", "log in as `NAME`; the password comes from $"+cli.PasswordVariable+", --password-file or the terminal")
	flags.StringVar(&f.passwordFile, "password-file", "", "read the password from the first line of `FILE`")
	flags.StringVar(&f.pins, "known-servers", "", "keep the certificates seen in `FILE` (default: in the user's configuration folder)")
}

// addRetry adds the flag of commands that try again.
func (f *connectFlags) addRetry(cmd *cobra.Command) {
	cmd.Flags().DurationVar(&f.retryFor, "retry-for", 2*time.Minute,
		"when the server goes away, try for so long to go on; given, also wait so long for it to come up")
}

// patience is how long the command tries again.
func (f *connectFlags) patience(cmd *cobra.Command) fetch.Patience {
	return fetch.Patience{For: f.retryFor, ToBegin: cmd.Flags().Changed("retry-for")}
}

// instruments are what counts and shows what a node of the star does.
func (f *nodeFlags) instruments(n *node) central.Instruments {
	in := central.Instruments{Meter: n.meter, Sockets: n.sockets, Slow: n.slow}
	if f.trace {
		in.Trace = trace.New(n.out.Lines())
	}
	return in
}

// config makes the client's configuration; it may ask for a password.
func (f *connectFlags) config(cmd *cobra.Command, n *node) (central.ClientConfig, error) {
	cfg := central.ClientConfig{User: f.user, Instruments: f.node.instruments(n), Limits: n.limits, Agent: n.agent, Stall: f.patience(cmd).Silence()}
	cfg.Pins.Path = f.pins
	if cfg.Pins.Path == "" {
		if dir, err := os.UserConfigDir(); err == nil { // without one nothing is pinned
			cfg.Pins.Path = filepath.Join(dir, "starmesh", "known_servers")
		}
	}
	cfg.Pins.OnPin = n.out.Pinned(f.user)
	if f.user == "" {
		if f.passwordFile != "" {
			return cfg, cli.Usagef(cmd, "--password-file without --user: whose password is it?")
		}
		return cfg, nil
	}
	if strings.Contains(f.user, ":") {
		return cfg, cli.Usagef(cmd, "--user %q: a name only; a password does not belong on the command line", f.user)
	}
	var err error
	cfg.Password, err = cli.Password(cmd.Context(), cmd.InOrStdin(), cmd.ErrOrStderr(), f.user, f.passwordFile)
	return cfg, err
}

// address reads a server's address from an argument.
func (f *connectFlags) address(cmd *cobra.Command, arg string) (central.Address, error) {
	a, err := fetch.ServerAddress(arg)
	if err != nil {
		return a, cli.Usage(cmd, err)
	}
	if f.tls {
		a.TLS = true
	}
	return a, nil
}

// with runs work with one connection to the server that arg names.
func (f *connectFlags) with(cmd *cobra.Command, arg string, work func(context.Context, *node, *central.Client, central.Address) error) error {
	a, err := f.address(cmd, arg)
	if err != nil {
		return err
	}
	return f.node.run(cmd, load.RoleClient, func(ctx context.Context, n *node) error {
		cfg, err := f.config(cmd, n)
		if err != nil {
			return err
		}
		client, err := central.Dial(ctx, a, cfg)
		if err != nil {
			return err
		}
		defer client.Close()
		return work(ctx, n, client, a)
	})
}

// serverHelp ends the help of commands that take ADDR.
const serverHelp = `
ADDR is host:port, star://host:port or, encrypted, stars://host:port; the port
is %d when none is given.`

func addressHelp() string { return fmt.Sprintf(serverHelp, central.DefaultPort) }
