package p2phost

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/load"
)

func testKey(secret string) NetworkKey {
	k := NetworkKey{set: true}
	copy(k.secret[:], secret)
	return k
}

func TestOnlyNodesWithTheSameKeyTalk(t *testing.T) {
	right, wrong := testKey("right"), testKey("wrong")
	for name, c := range map[string]struct {
		a, b NetworkKey
		meet bool
	}{
		"same":               {right, right, true},
		"different":          {right, wrong, false},
		"dialler has none":   {NetworkKey{}, right, false},
		"acceptor has none":  {right, NetworkKey{}, false},
		"neither has any":    {NetworkKey{}, NetworkKey{}, true},
		"different, swapped": {wrong, right, false},
	} {
		for how, via := range map[int]string{overTCP: "tcp", overQUIC: "quic"} {
			t.Run(name+" "+via, func(t *testing.T) {
				t.Parallel()
				a := startHost(t, func(cfg *Config) { cfg.Key = c.a })
				b := startHost(t, func(cfg *Config) { cfg.Key = c.b })
				ctx, cancel := context.WithTimeout(testContext(t), 3*time.Second)
				defer cancel()
				err := a.Connect(ctx, b.whereabouts(how))
				if err == nil {
					_, err = a.NewStream(ctx, b.ID(), testProtocol, "/ipfs/ping/1.0.0")
				}
				if c.meet != (err == nil) {
					t.Fatalf("meeting: %v", err)
				}
				if c.meet {
					flow(t, a, b, 300_000)
					return
				}
				if c.b.set && len(b.Peerstore().Addrs(a.ID()))+len(b.Network().Conns()) > 0 {
					t.Error("the stranger got as far as identify")
				}
				if protocols, _ := a.Peerstore().GetProtocols(b.ID()); c.b.set && len(protocols) > 0 {
					t.Errorf("the stranger learned which protocols are spoken: %v", protocols)
				}
			})
		}
	}
}

func TestAStrangerIsLeftAloneForAWhile(t *testing.T) {
	a := startHost(t, func(cfg *Config) { cfg.Key = testKey("one") })
	b := startHost(t, func(cfg *Config) { cfg.Key = testKey("other") })
	ctx := testContext(t)
	if err := a.Connect(ctx, b.whereabouts(overTCP)); err == nil {
		t.Fatal("connected with a stranger")
	}
	eventually(t, func() bool { return b.conns().ConnsRefused == 1 })
	err := a.Connect(ctx, b.whereabouts(overQUIC))
	if err == nil || !strings.Contains(err.Error(), "gater") {
		t.Errorf("a stranger is dialled again at once: %v", err)
	}
}

func TestTheGateForgivesInTime(t *testing.T) {
	now := time.Now()
	g := newGate(testKey("k"), nil, new(load.Meter))
	g.clock = func() time.Time { return now }
	const p = peer.ID("someone")
	pause := time.Duration(0)
	for range 12 {
		g.failed(p)
		if g.welcome(p) {
			t.Fatal("welcome at once")
		}
		last := pause
		for pause = 0; !g.welcome(p); pause += time.Second {
			now = now.Add(time.Second)
		}
		if pause < last || pause > strangerPauses.Max+time.Second {
			t.Errorf("after %v a pause of %v", last, pause)
		}
	}
	g.passed(p)
	g.failed(p)
	now = now.Add(strangerPauses.First)
	if !g.welcome(p) {
		t.Error("a proof does not make good for failures before")
	}
	for i := range 2 * maxStrangers {
		g.failed(peer.ID(string(rune(i)) + "x"))
	}
	if len(g.strangers) > maxStrangers {
		t.Errorf("%d strangers are remembered", len(g.strangers))
	}
}

func TestOnlyAllowedPeersGetIn(t *testing.T) {
	friend, foe := startHost(t, nil), startHost(t, nil)
	closed := startHost(t, func(cfg *Config) { cfg.Allow = []string{friend.ID().String()} })
	meet(t, friend, closed, overTCP)
	for how, via := range map[int]string{overTCP: "tcp", overQUIC: "quic"} {
		ctx := testContext(t)
		err := foe.Connect(ctx, closed.whereabouts(how))
		if err == nil {
			_, err = foe.NewStream(ctx, closed.ID(), "/ipfs/ping/1.0.0")
		}
		if err == nil {
			t.Errorf("a peer that is not allowed got in over %s", via)
		}
	}
	if err := closed.Connect(testContext(t), foe.whereabouts(0)); err == nil {
		t.Error("a peer that is not allowed is dialled")
	}
	if got := closed.conns(); got.ConnsRefused < 2 || got.ConnsOpen != 1 {
		t.Errorf("%+v", got)
	}
}

// proofs runs both halves over a pipe and gives their errors.
func proofs(a, b NetworkKey, aSees, bSees [2]peer.ID) (dialler, acceptor error) {
	c, s := net.Pipe()
	done := make(chan error, 1)
	go func() {
		err := b.prove(s, false, bSees[0], bSees[1])
		s.Close()
		done <- err
	}()
	dialler = a.prove(c, true, aSees[0], aSees[1])
	c.Close()
	return dialler, <-done
}

func TestAProofIsBoundToBothEnds(t *testing.T) {
	key := testKey("key")
	const d, a, m = peer.ID("dialler"), peer.ID("acceptor"), peer.ID("in the middle")
	for name, c := range map[string]struct {
		seen [2][2]peer.ID
		ok   bool
	}{
		"straight":                         {[2][2]peer.ID{{d, a}, {a, d}}, true},
		"passed on by one in the middle":   {[2][2]peer.ID{{d, m}, {a, m}}, false},
		"the dialler is somebody else":     {[2][2]peer.ID{{d, a}, {a, m}}, false},
		"the acceptor is somebody else":    {[2][2]peer.ID{{d, m}, {a, d}}, false},
		"both believe to be the other one": {[2][2]peer.ID{{a, d}, {d, a}}, true},
		"reflected":                        {[2][2]peer.ID{{d, a}, {d, a}}, false},
	} {
		errD, errA := proofs(key, key, c.seen[0], c.seen[1])
		if c.ok != (errD == nil) || c.ok != (errA == nil) {
			t.Errorf("%s: dialler %v, acceptor %v", name, errD, errA)
		}
		if !c.ok && (!errors.Is(errD, fault.Unauthorized) || !errors.Is(errA, fault.Unauthorized)) {
			t.Errorf("%s: %v, %v", name, errD, errA)
		}
	}
}

// heard is an end of a connection of which all that is said there is kept.
type heard struct {
	net.Conn
	said []byte
}

func (h *heard) Write(p []byte) (int, error) {
	h.said = append(h.said, p...)
	return h.Conn.Write(p)
}

// TestAProofThatWasHeardIsWorthNothing when it is said again, by whoever.
func TestAProofThatWasHeardIsWorthNothing(t *testing.T) {
	key := testKey("key")
	for _, dialler := range []bool{true, false} {
		c, s := net.Pipe()
		said, proven := &heard{Conn: c}, make(chan error, 1)
		prove := func(conn io.ReadWriteCloser, dialler bool) {
			defer conn.Close()
			local, remote := peer.ID("a"), peer.ID("d")
			if dialler {
				local, remote = remote, local
			}
			proven <- key.prove(conn, dialler, local, remote)
		}
		go prove(said, dialler)
		go prove(s, !dialler)
		if err := errors.Join(<-proven, <-proven); err != nil {
			t.Fatal(err)
		}
		c, s = net.Pipe()
		go prove(s, !dialler)
		go func() { _, _ = io.Copy(io.Discard, c) }()
		_, _ = c.Write(said.said) // it may be hung up on before the end
		if err := <-proven; !errors.Is(err, fault.Unauthorized) {
			t.Errorf("by the dialler: %v; %v", dialler, err)
		}
		c.Close()
	}
}

func TestWhoDialsInWithoutTheKeyGetsNothingToGuessOn(t *testing.T) {
	c, s := net.Pipe()
	go func() {
		_ = testKey("key").prove(s, false, "a", "d")
		s.Close()
	}()
	if _, err := c.Write(append([]byte(proofHead), make([]byte, nonceLen)...)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, nonceLen)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write(make([]byte, 32)); err != nil { // a wrong proof
		t.Fatal(err)
	}
	if rest, _ := io.ReadAll(c); len(rest) != 0 {
		t.Errorf("%d bytes were said to a stranger", len(rest))
	}
}

func TestNetworkKeyFiles(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "made", "key")
	made, err := GenerateNetworkKey(file)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadNetworkKey(file)
	if err != nil || loaded != made {
		t.Errorf("what was made is not what is loaded: %v", err)
	}
	if _, err := GenerateNetworkKey(file); !errors.Is(err, fault.Exists) {
		t.Errorf("a key is overwritten: %v", err)
	}
	checkRights(t, file)
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, errOne := LoadNetworkKey(write("phrase", "correct horse battery staple\n", 0o600))
	two, errTwo := LoadNetworkKey(write("same", "  correct horse battery staple", 0o600))
	if errOne != nil || errTwo != nil || one != two || one == made {
		t.Errorf("passphrases: %v %v, equal %v", errOne, errTwo, one == two)
	}
	if one.Tag() == made.Tag() || len(one.Tag()) != 16 || (NetworkKey{}).Tag() != "" {
		t.Error("meshes are not told apart by their tags")
	}
	for name, path := range map[string]string{
		"readable by others": write("open", "correct horse battery staple", 0o644),
		"short":              write("short", "password", 0o600),
		"damaged":            write("damaged", networkKeyHead+"AAAA", 0o600),
		"a folder":           dir,
	} {
		if _, err := LoadNetworkKey(path); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := LoadNetworkKey(filepath.Join(dir, "none")); !errors.Is(err, fault.NotFound) {
		t.Errorf("missing: %v", err)
	}
}
