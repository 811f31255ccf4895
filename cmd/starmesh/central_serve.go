package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"starmesh/central"
	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/trace"
)

// serveFlags say how a server serves.
type serveFlags struct {
	node      nodeFlags
	access    accessFlags
	listen    string
	announce  []string
	backlog   int
	slowly    time.Duration
	http      string
	bounds    central.Bounds
	maxUpload units.Size
	cache     cacheFlags
	strangers bool // receivers are not told of each other
}

// accessFlags say who may come in and do what.
type accessFlags struct {
	writable    bool
	users       string
	writeUsers  []string
	allow, deny []string
	tls         bool
	cert, key   string
}

func newCentralServe() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve the files of a folder",
		Long: `serve lets clients list and download the files of a folder (or one file), over
starmesh's own protocol on raw TCP and, with --http, over HTTP. Files that are
added while it runs are served too; dot-files, files in the making and links are
not. Ctrl-C lets downloads finish for ten seconds at most.`,
		Example: `  starmesh central serve ./files
  starmesh central serve ./files --listen :7070 --http :8080 --load-log server.jsonl
  starmesh central serve ./files --listen :7070 --tls --users htpasswd --writable --write-users ann
  starmesh central serve ./files --up 20mbit --allow 192.168.0.0/16`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, fingerprint, err := f.config(cmd)
			if err != nil {
				return err
			}
			return f.node.run(cmd, load.RoleServer, func(ctx context.Context, n *node) error {
				return f.serve(ctx, n, args[0], cfg, fingerprint)
			})
		},
	}
	f.add(cmd)
	return cmd
}

func (f *serveFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.listen, "listen", "l", fmt.Sprintf("127.0.0.1:%d", central.DefaultPort), "listen at `ADDR`; :7070 is every interface")
	flags.StringSliceVar(&f.announce, "announce", nil, "say that clients reach this server at `ADDR`, where a router maps a port to it")
	flags.IntVar(&f.backlog, "backlog", 1024, "how many connections may wait to be accepted")
	flags.DurationVar(&f.slowly, "accept-slowly", 0, "wait so long after each connection, so that clients can be seen to queue (try it with --backlog 2)")
	flags.StringVar(&f.http, "http", "", "serve the same files over HTTP at `ADDR` too, such as :8080")
	flags.BoolVar(&f.strangers, "no-introduce", false, "do not tell receivers of a file of each other")
	f.access.add(cmd)
	flags.IntVar(&f.bounds.Conns, "max-conns", 12_000, "connections at once")
	flags.IntVar(&f.bounds.ConnsPerAddr, "max-conns-per-ip", 1024, "connections at once from one address other than this machine's own")
	flags.Var(&f.maxUpload, "max-upload", "largest file taken with put, such as 10GiB (0: what fits on the disk)")
	flags.DurationVar(&f.bounds.Idle, "idle-timeout", 5*time.Minute, "close a connection that asks for nothing for so long")
	flags.DurationVar(&f.bounds.Handshake, "handshake-timeout", 10*time.Second, "close a connection that is not greeted and logged in by then")
	flags.DurationVar(&f.bounds.Stall, "stall-timeout", time.Minute, "close a connection that stops in the middle of a message for so long")
	flags.DurationVar(&f.bounds.Grace, "grace", 10*time.Second, "let downloads go on for so long when the server is stopped")
	f.cache.add(cmd, "hash every file anew")
	f.node.add(cmd)
}

func (f *accessFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.writable, "writable", false, "allow put")
	flags.StringVar(&f.users, "users", "", "let only the users in `FILE` in: an htpasswd file with bcrypt hashes (htpasswd -B)")
	flags.StringSliceVar(&f.writeUsers, "write-users", nil, "users who may put as well, `NAME,…`")
	flags.StringSliceVar(&f.allow, "allow", nil, "let only these networks in, `CIDR,…`")
	flags.StringSliceVar(&f.deny, "deny", nil, "keep these networks out, `CIDR,…`; stronger than --allow")
	flags.BoolVar(&f.tls, "tls", false, "encrypt (TLS 1.3), with a certificate made at the first start unless --cert is given")
	flags.StringVar(&f.cert, "cert", "", "certificate chain for --tls, a PEM `FILE`")
	flags.StringVar(&f.key, "key", "", "key of the certificate, a PEM `FILE`")
	cmd.MarkFlagsRequiredTogether("cert", "key")
}

// config makes the server's configuration of the flags; the folder and the
// instruments are still missing.
func (f *serveFlags) config(cmd *cobra.Command) (cfg central.ServerConfig, fingerprint string, err error) {
	b := f.bounds
	if f.backlog < 1 || b.Conns < 1 || b.ConnsPerAddr < 1 || min(b.Idle, b.Handshake, b.Stall, b.Grace) <= 0 || f.slowly < 0 {
		return cfg, "", cli.Usagef(cmd, "--backlog, --max-conns… and the time-outs must be above zero")
	}
	for name, address := range map[string]string{"listen": f.listen, "http": f.http} {
		if err := checkAddress(cmd, name, address); err != nil {
			return cfg, "", err
		}
	}
	for _, address := range f.announce {
		if a, err := central.ParseAddress(address); err != nil || a.HostPort != address {
			return cfg, "", cli.Usagef(cmd, "--announce: %s is not HOST:PORT, as clients see it", address)
		}
	}
	cfg.Bounds, cfg.NoIntroduce = b, f.strangers
	cfg.AcceptPause, cfg.HTTPNames = f.slowly, f.node.httpHosts
	cfg.Bounds.Upload = int64(f.maxUpload)
	if cfg.Access, err = f.access.rules(cmd); err != nil {
		return cfg, "", err
	}
	cfg.TLS, fingerprint, err = f.access.encryption()
	return cfg, fingerprint, err
}

func (f *accessFlags) rules(cmd *cobra.Command) (central.Access, error) {
	a := central.Access{Writable: f.writable}
	var err error
	if a.Allow, err = central.ParsePrefixes(f.allow); err != nil {
		return a, cli.Usage(cmd, fmt.Errorf("--allow: %w", err))
	}
	if a.Deny, err = central.ParsePrefixes(f.deny); err != nil {
		return a, cli.Usage(cmd, fmt.Errorf("--deny: %w", err))
	}
	if f.users == "" {
		if len(f.writeUsers) > 0 {
			return a, cli.Usagef(cmd, "--write-users needs --users: the file with their passwords")
		}
		return a, nil
	}
	if f.writable && len(f.writeUsers) == 0 {
		return a, cli.Usagef(cmd, "--writable with --users: name those who may write with --write-users")
	}
	a.Users, err = fileerr.Read(f.users, func(file *os.File) (*central.Users, error) {
		if info, err := file.Stat(); err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0 {
			return nil, errors.New("everyone on this machine may write it: chmod o-w")
		}
		return central.ReadUsers(file, f.writeUsers)
	})
	return a, err
}

// encryption returns the certificate and its fingerprint; nil without --tls.
func (f *accessFlags) encryption() (*tls.Config, string, error) {
	if f.cert != "" {
		return central.ServerTLS(f.cert, f.key)
	}
	if !f.tls {
		return nil, "", nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return nil, "", fmt.Errorf("no folder for a certificate: %w; give --cert and --key", err)
	}
	return central.SelfMade(filepath.Join(dir, "starmesh"))
}

// serve serves dir until ctx ends.
func (f *serveFlags) serve(ctx context.Context, n *node, dir string, cfg central.ServerConfig, fingerprint string) error {
	n.health.Check(agent.Starting)
	bar := n.out.Rounds("hash")
	defer bar.Stop()
	scans := &scans{out: n.out, report: n.report, dir: dir}
	folder, err := store.OpenFolder(dir, store.FolderConfig{Cache: f.cache.open(n.out), Progress: bar.Progress, OnScan: scans.tell})
	if err != nil {
		return err
	}
	defer folder.Close()
	cfg.Folder, cfg.Instruments, cfg.Limits = folder, f.node.instruments(n), n.limits
	cfg.Log, cfg.Agent = n.out.Logger(), n.agent

	ln, err := central.Listen(f.listen, f.backlog, cfg.Trace)
	if err != nil {
		return err
	}
	web, err := f.listenHTTP(cfg.Trace)
	if err != nil {
		ln.Close()
		return err
	}
	a := announcement{dir: dir, addr: ln.Addr(), besides: f.announce, tls: cfg.TLS != nil, fingerprint: fingerprint, writable: f.access.writable}
	if web != nil {
		a.web = web.Addr()
	}
	a.say(n.out)
	if gap := cfg.Access.Gap(); gap != "" {
		n.out.Warn("--deny: %s", gap)
	}
	n.health.Check(folder.Ready)
	said := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		sayStopping(n.out, cfg.Bounds.Grace)
		close(said)
	})
	defer func() {
		if !stop() {
			<-said // or it would be said when nobody is there to print it
		}
	}()
	return central.NewServer(cfg).ServeAll(ctx, ln, web)
}

// sayStopping tells why the server is still there after Ctrl-C.
func sayStopping(out *cli.Output, grace time.Duration) {
	out.Note("stopping; downloads under way may take %s more, a second Ctrl-C ends them", units.Duration(grace))
	out.Event("stopping", map[string]any{"grace_seconds": grace.Seconds()})
}

func (f *serveFlags) listenHTTP(steps *trace.Trace) (net.Listener, error) {
	if f.http == "" {
		return nil, nil // and not a listener that is nil
	}
	return central.Listen(f.http, f.backlog, steps)
}
