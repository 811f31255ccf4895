package peer

import (
	"bytes"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/frame"
	"starmesh/common/store"
)

// When two nodes dial each other there are two connections for a moment, and a
// node that was lost comes back over another one. What belongs to the first
// must not be taken for the second's.

// scripted is a remote that says what a test has it say, over pipes.
type scripted struct {
	t       *testing.T
	conn    *pipedConn
	control stream
	data    stream // nil: not opened yet

	mu    sync.Mutex
	heard []message
	react func(message) // to all that is heard; may be nil
}

// meets connects a scripted remote with n: the same node each time it has the
// same id. It says HELLO.
func meets(t *testing.T, n pipedNode, id string) *scripted {
	t.Helper()
	return meetsTaking(t, n, id, func(s stream) { go drain(s) })
}

// meetsTaking is meets for a remote that does with n's chunks what take does.
func meetsTaking(t *testing.T, n pipedNode, id string, take func(stream)) *scripted {
	t.Helper()
	return meetsFrom(t, n, id, netip.Addr{}, take)
}

// meetsFrom is meetsTaking for a remote at that address.
func meetsFrom(t *testing.T, n pipedNode, id string, from netip.Addr, take func(stream)) *scripted {
	t.Helper()
	r := &scripted{t: t, conn: newPipedConn(peer.ID(id), func(_ string, _ conn, s stream) { take(s) }, n.self.peer, n.accept)}
	r.conn.other.from = from
	r.control, _ = r.conn.Open(t.Context(), protoLink)
	go r.listen()
	r.say(hello{Version: version, Agent: "scripted"})
	synctest.Wait()
	return r
}

func drain(s stream) {
	for buf := make([]byte, 1<<16); ; {
		if _, err := s.Read(buf); err != nil {
			return
		}
	}
}

// listen keeps what is said to r, until the link ends.
func (r *scripted) listen() {
	for {
		kind, body, err := frame.Read(r.control, maxJoin, nil)
		if err != nil {
			return
		}
		m, err := decode(kind, bytes.Clone(body))
		if err != nil {
			r.t.Error(err)
			return
		}
		r.mu.Lock()
		r.heard = append(r.heard, m)
		react := r.react
		r.mu.Unlock()
		if react != nil {
			react(m)
		}
	}
}

// reacts has r do something with all that it hears from now on.
func (r *scripted) reacts(react func(message)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.react = react
}

// said returns all messages of one type that r has heard.
func said[M message](r *scripted) (all []M) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.heard {
		if is, ok := m.(M); ok {
			all = append(all, is)
		}
	}
	return all
}

// say sends messages, and returns when all has come of them that does at once.
func (r *scripted) say(messages ...message) {
	for _, m := range messages {
		_, _ = r.control.Write(encode(nil, m)) // the other side may have ended the link
	}
	synctest.Wait()
}

func (r *scripted) joins(list content.ChunkList, has content.Set) {
	r.say(join{what: typeJoin, Topic: 7, ID: list.ID(), Size: list.Size(), Has: has})
}

// sends sends a chunk of a file.
func (r *scripted) sends(file *store.Memory, i int) {
	r.t.Helper()
	p := make([]byte, file.Chunks().ChunkLen(i))
	if err := file.ReadChunk(i, p); err != nil {
		r.t.Fatal(err)
	}
	if r.data == nil {
		r.data, _ = r.conn.Open(r.t.Context(), protoData)
	}
	_, _ = r.data.Write(append(chunkHeader(nil, 7, i, len(p)), p...)) // as in say
	synctest.Wait()
}

// fetching is a node that fetches a file from nobody yet.
func fetching(t *testing.T, file *store.Memory) (taker pipedNode, got *store.Memory, done func()) {
	t.Helper()
	taker, got = startPiped(t, "taker", nil), store.NewMemory(file.Chunks())
	var group sync.WaitGroup
	group.Go(func() {
		if err := taker.Fetch(t.Context(), "file", got, patient()); err != nil {
			t.Error(err)
		}
	})
	synctest.Wait()
	return taker, got, group.Wait
}

// promised returns whether a chunk is claimed at n.
func (n pipedNode) promised(list content.ChunkList, i int) bool {
	synctest.Wait()
	s := n.shelf.swarm(list.ID())
	return s.take.has().Has(i) && !s.file.Have().Has(i)
}

func (n pipedNode) bans(id string) error {
	synctest.Wait()
	n.links.mu.Lock()
	defer n.links.mu.Unlock()
	return n.links.banned[peer.ID(id)]
}

func TestAStreamOfAReplacedConnectionIsNotTheNewLinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		list, all := file.Chunks(), content.FullSet(5)
		taker, got, done := fetching(t, file)
		before := meets(t, taker, "giver")
		before.joins(list, all)
		before.say(offer{Topic: 7, Chunk: 3, Sure: true})
		if !taker.promised(list, 3) {
			t.Fatal("the offer was not accepted")
		}
		time.Sleep(2 * simultaneousTime)
		after := meets(t, taker, "giver")
		after.joins(list, all)
		before.sends(file, 3) // what was under way over the first connection
		for _, i := range []int{0, 1, 2, 4, 3} {
			after.say(offer{Topic: 7, Chunk: i, Sure: true})
			after.sends(file, i)
		}
		done()
		if err := taker.bans("giver"); err != nil {
			t.Errorf("the honest node was cut off: %v", err)
		}
		same(t, got, file)
		taker.stop()
		_ = before.conn.Close()
		_ = after.conn.Close()
	})
}

func TestWhatIsLostBeforeTheOthersJoinIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		list, all := file.Chunks(), content.FullSet(5)
		taker, _, done := fetching(t, file)
		staller := meets(t, taker, "staller")
		staller.joins(list, all)
		staller.say(offer{Topic: 7, Chunk: 3, Sure: true})
		honest := meets(t, taker, "honest")
		if told := said[join](honest); len(told) != 1 || !told[0].Has.Has(3) {
			t.Fatalf("the JOIN says %v", told)
		}
		_ = staller.conn.Close() // its promise is void
		if taker.promised(list, 3) {
			t.Fatal("the staller has left, and its promise stands")
		}
		honest.joins(list, all)
		if lost := said[news](honest); len(lost) != 1 || lost[0].what != typeLost || len(lost[0].Chunks) != 1 || lost[0].Chunks[0] != 3 {
			t.Errorf("the giver believes for ever that chunk 3 is coming: told %v", lost)
		}
		for i := range 5 {
			honest.say(offer{Topic: 7, Chunk: i, Sure: true})
			honest.sends(file, i)
		}
		done()
		taker.stop()
		_ = honest.conn.Close()
	})
}

func TestALateJoinOfAReplacedLinkIsNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		list := file.Chunks()
		origin := startPiped(t, "origin", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		before := meets(t, origin, "taker")
		old := origin.links.with("taker")
		time.Sleep(2 * simultaneousTime)
		after := meets(t, origin, "taker")
		after.joins(list, content.NewSet(5))
		current := origin.links.with("taker")
		if current == old {
			t.Fatal("the second link did not replace the first")
		}
		// Its reader had that in its buffer still.
		_ = old.joined(join{what: typeJoin, Topic: 7, ID: list.ID(), Size: list.Size(), Has: content.NewSet(5)})
		old.quitAll()
		s := origin.shelf.swarm(list.ID())
		s.mu.Lock()
		if m := s.members[current.key]; m == nil || m.link != current {
			t.Errorf("the node that is linked and has joined is a member no longer: %v", m)
		}
		s.mu.Unlock()
		origin.stop()
		_ = before.conn.Close()
		_ = after.conn.Close()
	})
}

func TestTwoOffersOfAChunkMeanTwoChunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		list := file.Chunks()
		taker, got, done := fetching(t, file)
		giver := meets(t, taker, "giver")
		giver.joins(list, content.FullSet(5))
		giver.say(offer{Topic: 7, Chunk: 3, Sure: true})
		s := taker.shelf.swarm(list.ID())
		s.mu.Lock() // the taker gives the promise up, as it does with time
		s.members[keyOf("giver")].claims.Release(3)
		s.take.lostLocked([]int{3})
		s.mu.Unlock()
		giver.say(offer{Topic: 7, Chunk: 3, Sure: true}) // … and hears of it again
		if !taker.promised(list, 3) {
			t.Fatal("the second offer was not accepted")
		}
		giver.sends(file, 3)
		giver.sends(file, 3)
		time.Sleep(2 * maxOvertaking)
		if err := taker.bans("giver"); err != nil || taker.links.with("giver") == nil {
			t.Fatalf("cut off for the second of two chunks that were offered: %v", err)
		}
		for _, i := range []int{0, 1, 2, 4} {
			giver.say(offer{Topic: 7, Chunk: i, Sure: true})
			giver.sends(file, i)
		}
		done()
		same(t, got, file)
		taker.stop()
		_ = giver.conn.Close()
	})
}

// TestAChunkThatWasNotOfferedEndsTheLinkAndNoMore: it proves nothing evil, for
// words and chunks travel apart.
func TestAChunkThatWasNotOfferedEndsTheLinkAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 5*chunk)
		taker, got, done := fetching(t, file)
		giver := meets(t, taker, "giver")
		giver.joins(file.Chunks(), content.FullSet(5))
		giver.sends(file, 3)
		time.Sleep(2 * maxOvertaking)
		if taker.links.with("giver") != nil {
			t.Error("the link goes on")
		}
		if got.Have().Count() > 0 {
			t.Error("what was not offered was kept")
		}
		again := meets(t, taker, "giver")
		again.joins(file.Chunks(), content.FullSet(5))
		for i := range 5 {
			again.say(offer{Topic: 7, Chunk: i, Sure: true})
			again.sends(file, i)
		}
		done()
		same(t, got, file)
		taker.stop()
		_ = again.conn.Close()
	})
}
