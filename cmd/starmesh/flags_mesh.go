package main

import (
	"cmp"
	"context"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/cores"
	"starmesh/cmd/internal/fetch"
	"starmesh/cmd/internal/lab/system"
	"starmesh/peer"
	"starmesh/peer/discovery"
	"starmesh/peer/p2phost"
)

// peerFlags say how a node of the mesh lives and finds others.
type peerFlags struct {
	node                   nodeFlags
	listen, announce       []string
	join, allow            []string
	identity, networkKey   string
	noMDNS, dht, publicDHT bool
	public                 bool
	inside                 bool // of the machine: nobody outside is to be reached unless it is said whom
	misbehave              fetch.Misbehaviour
}

func (f *peerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVarP(&f.listen, "listen", "l", nil, "listen at `MULTIADDR`, such as /ip4/0.0.0.0/tcp/4001 (default: free ports of the network over which others are reached; what 'serve' shares with nobody in --join: of this machine only)")
	flags.StringSliceVar(&f.announce, "announce", nil, "tell others to reach this node at `MULTIADDR` besides, where a router maps a port to it")
	flags.StringSliceVar(&f.join, "join", nil, "begin with the node at `MULTIADDR` or those of a ticket; may be repeated")
	flags.StringVar(&f.identity, "identity", "", "keep this node's key in `FILE`, so that it has the same id in every run (default: a new id)")
	flags.BoolVar(&f.noMDNS, "no-mdns", false, "neither look for nodes on the local network and this machine nor be found there")
	flags.BoolVar(&f.dht, "dht", false, "find nodes through a table that the nodes of the mesh keep themselves")
	flags.BoolVar(&f.publicDHT, "public-dht", false, "find nodes through the public table of IPFS: strangers learn which ids you look for")
	flags.BoolVar(&f.public, "public", false, "this node can be reached from the internet: offer others to relay for them")
	flags.StringSliceVar(&f.allow, "allow-peer", nil, "speak with the node of this `ID` only; may be repeated")
	flags.StringVar(&f.networkKey, "network-key", "", "speak only with nodes that know the secret in `FILE`")
	f.node.add(cmd)
	flags.Lookup("trace").Usage = "print what happens on the network: connections, streams, messages"
}

// addMisbehave adds a flag that is told of in the manual, and hidden in the help
// of commands that people use every day.
func (f *peerFlags) addMisbehave(cmd *cobra.Command) {
	cmd.Flags().Var(&f.misbehave, "misbehave", "for experiments: do wrong, as `HOW` says: "+
		"free-ride takes and gives nothing, lie gives wrong bytes")
	_ = cmd.Flags().MarkHidden("misbehave") // it was added in the line before
}

// meshNode is a running command that is a node of the mesh.
type meshNode struct {
	*node
	*fetch.Node
}

// live does work as a node of the mesh with that role ("origin", "peer").
func (f *peerFlags) live(cmd *cobra.Command, role string, work func(context.Context, *meshNode) error) error {
	if f.publicDHT && f.networkKey != "" {
		return cli.Usagef(cmd, "--public-dht with --network-key: a private mesh is not looked for in public; take --dht")
	}
	f.node.system, f.node.metrics, f.node.trait = cmp.Or(f.node.system, system.Mesh), prometheus.NewRegistry(), f.misbehave.Trait()
	return f.node.run(cmd, role, func(ctx context.Context, n *node) error {
		if f.node.managed.hold { // one of many on this machine
			defer cores.Spare()()
		}
		if does := f.misbehave.Does(); does != "" { // nobody runs such a node without knowing
			n.out.Warn("this node misbehaves on purpose (--misbehave %s): %s", f.misbehave, does)
			n.out.Event("misbehaves", map[string]string{"how": string(f.misbehave)})
		}
		cfg, err := f.config(n)
		if err != nil {
			return err
		}
		mesh, err := peer.New(cfg)
		if err != nil {
			return cli.Usage(cmd, err)
		}
		return mesh.Run(ctx, func(ctx context.Context) error {
			running := &meshNode{n, &fetch.Node{Node: mesh, Misbehaves: f.misbehave}}
			return running.TellHidden(ctx, told{n.out}, n.report.Remark, func() error { return work(ctx, running) })
		})
	})
}

// config makes the node's configuration of the flags.
func (f *peerFlags) config(n *node) (cfg peer.Config, err error) {
	cfg = peer.Config{
		Config: p2phost.Config{
			Listen: f.listen, Announce: f.announce, Allow: f.allow, Public: f.public,
			Follow: len(f.join) > 0 || !f.inside && (!f.noMDNS || f.dht || f.publicDHT),
			Limits: n.limits, Meter: n.meter, Sockets: n.sockets, Metrics: f.node.metrics, Log: n.out.Logger(),
		},
		Join: f.join, Ways: discovery.Ways{MDNS: !f.noMDNS, Machine: !f.noMDNS, DHT: f.dht, PublicDHT: f.publicDHT},
		TakeOnly: f.misbehave == fetch.FreeRide, Agent: n.agent, Slow: n.slow,
	}
	if f.node.trace {
		cfg.Trace = n.out.Lines()
	}
	if cfg.Identity, err = p2phost.LoadIdentity(f.identity); err != nil {
		return cfg, err
	}
	if f.networkKey != "" {
		cfg.Key, err = p2phost.LoadNetworkKey(f.networkKey)
	}
	return cfg, err
}

// tellAddresses tells programs where this node can be reached, and gives it.
func (n *meshNode) tellAddresses() []string {
	addrs := make([]string, 0, 4)
	for _, a := range n.Addrs() {
		addrs = append(addrs, a.String())
	}
	n.out.Event(system.NodeEvent, map[string]any{"id": n.ID().String(), "addresses": addrs})
	return addrs
}

// sayAddresses tells people as well.
func (n *meshNode) sayAddresses() {
	addrs := n.tellAddresses()
	n.out.Note("node %s", n.ID())
	for _, a := range addrs {
		n.out.Note("  %s", a)
	}
}
