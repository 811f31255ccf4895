package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multihash"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// Neighbours that are slow, silent or greedy: what others want is not to wait
// for them. Over pipes everything else takes no time at all.

// behaves connects a scripted remote with n that reacts to what it hears. If it
// is clogged, it takes none of the chunks that it is sent.
func behaves(t *testing.T, n pipedNode, id string, clogged bool, react func(r *scripted, m message)) *scripted {
	t.Helper()
	take := func(_ string, _ conn, s stream) { go drain(s) }
	if clogged {
		take = func(string, conn, stream) {}
	}
	r := &scripted{t: t, conn: newPipedConn(peer.ID(id), take, n.self.peer, n.accept)}
	r.react = func(m message) { react(r, m) }
	r.control, _ = r.conn.Open(t.Context(), protoLink)
	go r.listen()
	r.say(hello{Version: version, Agent: "scripted"})
	return r
}

// accepts is a taker that accepts whatever it is offered and never says GOT.
func accepts(r *scripted, m message) {
	if o, ok := m.(offer); ok {
		_, _ = r.control.Write(encode(nil, answer{Topic: 7, Chunk: o.Chunk, Verdict: accepted}))
	}
}

// mustFetch has a new node fetch a file from the others within a time, and ends
// all.
func mustFetch(t *testing.T, file *store.Memory, within time.Duration, from ...pipedNode) {
	t.Helper()
	taker, got := startPiped(t, "taker", nil), store.NewMemory(file.Chunks())
	for _, n := range from {
		dial(taker, n)
	}
	began := time.Now()
	if err := taker.Fetch(testContext(t), "file", got, patient()); err != nil {
		t.Error(err)
	} else {
		same(t, got, file)
	}
	if took := time.Since(began); took > within {
		t.Errorf("it took %v, want at most %v", took, within)
	}
	taker.stop()
}

func TestWhoConfirmsNothingKeepsNothingFromOthers(t *testing.T) {
	for _, clogged := range []bool{false, true} {
		t.Run(fmt.Sprint("clogged ", clogged), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := makeFile(t, 40*chunk)
				origin := startPiped(t, "origin", nil)
				if _, err := origin.share("file", oneFile{file}, nil); err != nil {
					t.Fatal(err)
				}
				var mutes []*scripted
				for i := range 5 {
					r := behaves(t, origin, fmt.Sprint("mute ", i), clogged, accepts)
					r.joins(file.Chunks(), content.NewSet(40))
					mutes = append(mutes, r)
				}
				time.Sleep(time.Second) // they have all that is to be had
				within := 2 * time.Second
				if clogged {
					within = 5 * time.Second // it may be the first chunk on a slow uplink
				}
				mustFetch(t, file, within, origin)
				origin.stop()
				for _, r := range mutes {
					_ = r.conn.Close()
				}
			})
		})
	}
}

// TestWhoPromisesAndBringsNothingIsWorkedAround: one that offers every chunk
// again and again, in one file of many chunks and in many of one.
func TestWhoPromisesAndBringsNothingIsWorkedAround(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		files := []*store.Memory{makeFile(t, 40*chunk)}
		for i := range 30 {
			files = append(files, makeFile(t, 100+i))
		}
		origin, taker := startPiped(t, "origin", nil), startPiped(t, "taker", nil)
		for i, f := range files {
			if _, err := origin.share(fmt.Sprint("file ", i), oneFile{f}, nil); err != nil {
				t.Fatal(err)
			}
		}
		var offering sync.WaitGroup
		promiser := behaves(t, taker, "promiser", false, func(r *scripted, m message) {
			j, ok := m.(join)
			if !ok || j.Has.Full() {
				return
			}
			_, _ = r.control.Write(encode(nil, join{what: typeJoin, Topic: j.Topic, ID: j.ID, Size: j.Size, Has: content.FullSet(j.Has.Len())}))
			offering.Go(func() {
				for i := 0; ; i++ {
					if _, err := r.control.Write(encode(nil, offer{Topic: j.Topic, Chunk: i % j.Has.Len()})); err != nil {
						return
					}
					time.Sleep(time.Millisecond)
				}
			})
		})
		time.AfterFunc(20*time.Millisecond, func() { dial(taker, origin) }) // the promiser comes first
		began := time.Now()
		for i, f := range files {
			got := store.NewMemory(f.Chunks())
			if i == 1 {
				time.Sleep(time.Second) // its ban is over
			}
			if err := taker.Fetch(testContext(t), fmt.Sprint("file ", i), got, patient()); err != nil {
				t.Fatalf("file %d: %v", i, err)
			}
			same(t, got, f)
		}
		if took := time.Since(began); took > 4*time.Second {
			t.Errorf("it took %v", took)
		}
		_ = promiser.conn.Close()
		synctest.Wait() // it hears nothing any more
		offering.Wait()
		origin.stop()
		taker.stop()
	})
}

// TestIdleMembersMakeRoom: who joins and takes nothing keeps nobody out for long,
// in however many shapes.
func TestIdleMembersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 40*chunk)
		origin := startPiped(t, "origin", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		var idle []*scripted
		for i := range maxMembers + 10 {
			r := meets(t, origin, fmt.Sprint("idle ", i))
			r.joins(file.Chunks(), content.NewSet(40))
			idle = append(idle, r)
		}
		if left := said[leave](idle[maxMembers]); len(left) != 1 {
			t.Error("there was room for more than there should be")
		}
		time.Sleep(idleTime)
		mustFetch(t, file, 3*time.Second, origin)
		gone := 0
		for _, r := range idle[:maxMembers] {
			gone += len(said[leave](r))
		}
		if waited := int(3*time.Second/inviteTime) + 1; gone < 1 || gone > 1+waited {
			t.Errorf("%d had to go for one who came, and those who had waited", gone)
		}
		origin.stop()
		for _, r := range idle {
			_ = r.conn.Close()
		}
	})
}

// crowded is a neighbourhood that counts whom it has dialled of those it is told.
type crowded struct {
	nowhere
	mu      sync.Mutex
	dialled int
}

func (c *crowded) Told(_ peer.ID, places []peer.AddrInfo, limit int) int {
	time.Sleep(time.Second) // a table is asked, say
	n := min(len(places), max(limit, 0))
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialled += n
	return n
}

// TestACrowdHasFewDialled, however many it tells of, and nobody who lacks nothing
// dials at all.
func TestACrowdHasFewDialled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		origin, lacking := startPiped(t, "origin", nil), startPiped(t, "lacking", nil)
		around := map[string]*crowded{"origin": {}, "lacking": {}}
		origin.around, lacking.around = around["origin"], around["lacking"]
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		if _, err := lacking.share("file", oneFile{store.NewMemory(file.Chunks())}, &transfer.Config{}); err != nil {
			t.Fatal(err)
		}
		addr := ma.StringCast("/ip4/127.0.0.1/tcp/4009")
		var crowd []*scripted
		for _, n := range []pipedNode{origin, lacking} {
			for i := range 20 {
				r := meets(t, n, fmt.Sprint("one of a crowd ", i))
				r.joins(file.Chunks(), content.NewSet(5))
				told := peers{Topic: 7}
				for k := range 4 {
					told.Places = append(told.Places, peer.AddrInfo{ID: anyID(t, 4*i+k), Addrs: []ma.Multiaddr{addr}})
				}
				r.say(told, told)
				crowd = append(crowd, r)
			}
		}
		time.Sleep(time.Minute)
		for name, want := range map[string]int{"origin": 0, "lacking": enoughMembers} {
			c := around[name]
			c.mu.Lock()
			if c.dialled != want {
				t.Errorf("%s has dialled %d, want %d", name, c.dialled, want)
			}
			c.mu.Unlock()
		}
		origin.stop()
		lacking.stop()
		for _, r := range crowd {
			_ = r.conn.Close()
		}
	})
}

// garbled is PEERS that cannot be read: its peer has no id.
type garbled struct{ topic topic }

func (m garbled) kind() frame.Type { return typePeers }

func (m garbled) append(b []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(m.topic)), 1, 1, 0, 0)
}

// TestWhoTellsOfPeersIsReadWhileThatIsOfUse: what cannot be read ends the link only
// of who reads it.
func TestWhoTellsOfPeersIsReadWhileThatIsOfUse(t *testing.T) {
	few := slices.Repeat([]message{peers{Topic: 7}}, maxPeersAtOnce/2)
	many := slices.Repeat([]message{peers{Topic: 7}}, maxPeersAtOnce)
	for name, test := range map[string]struct {
		lacks bool
		first []message
		read  bool
	}{
		"who lacks some, at first":    {lacks: true, read: true},
		"who lacks some, for a while": {lacks: true, first: few, read: true},
		"who lacks some, and no more": {lacks: true, first: many},
		"who lacks nothing":           {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tellsOfPeers(t, test.lacks, test.read, append(test.first, garbled{7})...) })
		})
	}
}

// tellsOfPeers has a remote say messages about a file, and checks whether the last
// of them was read.
func tellsOfPeers(t *testing.T, lacks, read bool, messages ...message) {
	t.Helper()
	file := makeFile(t, 5*chunk)
	n := startPiped(t, "reader", nil)
	var at atHand = oneFile{file}
	var lacking *transfer.Config
	if lacks {
		at, lacking = oneFile{store.NewMemory(file.Chunks())}, &transfer.Config{}
	}
	if _, err := n.share("file", at, lacking); err != nil {
		t.Fatal(err)
	}
	r := meets(t, n, "teller")
	r.joins(file.Chunks(), content.NewSet(5))
	r.say(messages...)
	synctest.Wait()
	if was := len(n.links.all()) == 0; was != read {
		t.Errorf("PEERS were read: %v", was)
	}
	n.stop()
	_ = r.conn.Close()
}

// anyID returns an id that nobody has.
func anyID(t *testing.T, n int) peer.ID {
	t.Helper()
	hash, err := multihash.Sum(fmt.Append(nil, n), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return peer.ID(hash)
}

// TestNotNowWithoutAWaitMakesNoStorm: who takes nothing, and says so as fast as it
// can, is offered something now and then.
func TestNotNowWithoutAWaitMakesNoStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 200*chunk)
		origin := startPiped(t, "origin", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		taker := meets(t, origin, "taker")
		taker.reacts(func(m message) {
			if o, ok := m.(offer); ok {
				_, _ = taker.control.Write(encode(nil, answer{Topic: 7, Chunk: o.Chunk, Verdict: notNow}))
			}
		})
		taker.joins(file.Chunks(), content.NewSet(200))
		time.Sleep(time.Second)
		if n := len(said[offer](taker)); n == 0 || n > 60*6 { // a few each time that it may be asked
			t.Errorf("%d offers in a second", n)
		}
		origin.stop()
		_ = taker.conn.Close()
	})
}

// TestAnotherVersionIsToldSo, whatever its HELLO goes on with.
func TestAnotherVersionIsToldSo(t *testing.T) {
	m, err := decodeHello([]byte{version + 1, 0xff, 0xff, 0xff})
	if err != nil {
		t.Fatalf("another grammar is held against ours: %v", err)
	}
	l := looseLink()
	l.node.around = nowhere{}
	if err := l.greeted(m); !errors.Is(err, fault.Version) {
		t.Errorf("it is told %v", err)
	}
}
