package peer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/transfer"
	"starmesh/peer/scheduler"
)

// TestWhatHasJustComeIsNotToldAsLost: a giver may leave, or a fetch end, while
// its last chunk is stored already and not yet noted.
func TestWhatHasJustComeIsNotToldAsLost(t *testing.T) {
	whole := makeFile(t, 3*chunk)
	taker := startNode(t, nil)
	s := newSwarm(taker.Node, "file", oneFile{store.NewMemory(whole.Chunks())}, 1, transfer.Config{})
	giver, other := entered(s, 1), entered(s, 2)
	s.take.offered(giver, offer{Chunk: 0, Sure: true})
	s.take.offered(giver, offer{Chunk: 1, Sure: true})
	p := make([]byte, chunk)
	if err := errors.Join(whole.ReadChunk(1, p), giver.claims.Deliver(1, p)); err != nil {
		t.Fatal(err)
	}
	s.quit(giver)
	if has := s.take.has(); !slices.Equal(slices.Collect(has.All()), []int{1}) {
		t.Errorf("%v are here or on their way", slices.Collect(has.All()))
	}
	told := func(lost ...int) bool {
		return bytes.Contains(posted(other.link), encode(nil, news{what: typeLost, Topic: 1, Chunks: lost}))
	}
	if !told(0) || told(1) || told(0, 1) {
		t.Error("what was told as lost is not 0 alone")
	}
}

// entered is a remote that holds all, in a swarm.
func entered(s *swarm, key scheduler.ID) *member {
	l := &link{remote: remote{peer: peer.ID(fmt.Sprint("remote ", key)), key: key}, node: s.node, files: newMembership()}
	l.out.wake = make(chan struct{}, 1)
	m := s.enter(l, join{what: typeJoin, Topic: 7, Has: content.FullSet(s.list.Len())})
	l.files.members[7] = m
	return m
}

// posted is what waits for a remote.
func posted(l *link) []byte {
	l.out.mu.Lock()
	defer l.out.mu.Unlock()
	return bytes.Clone(l.out.buf)
}

// TestWhoPromisedWhatAnotherBroughtIsTold: it would send it for nothing.
func TestWhoPromisedWhatAnotherBroughtIsTold(t *testing.T) {
	whole := makeFile(t, 3*chunk)
	taker := startNode(t, nil)
	s := newSwarm(taker.Node, "file", oneFile{store.NewMemory(whole.Chunks())}, 1, transfer.Config{})
	giver, other := entered(s, 1), entered(s, 2)
	s.take.offered(other, offer{Chunk: 1, Sure: true})
	s.quit(other) // and what it had promised comes all the same
	s.take.offered(giver, offer{Chunk: 1, Sure: true})
	p := make([]byte, chunk)
	if err := errors.Join(whole.ReadChunk(1, p), s.take.received(other, 1, p)); err != nil {
		t.Fatal(err)
	}
	if no := encode(nil, answer{Topic: 1, Chunk: 1, Verdict: declined}); !bytes.Contains(posted(giver.link), no) {
		t.Error("who had promised the chunk does not hear that it came from another")
	}
	if lacking, claimed, _ := giver.claims.Count(); lacking != 2 || claimed != 0 {
		t.Errorf("%d chunks are lacking, %d claimed", lacking, claimed)
	}
}

// TestAChunkOutlivesItsLink: what has come whole is kept, though its giver was
// killed meanwhile and even the offer is lost with it.
func TestAChunkOutlivesItsLink(t *testing.T) {
	whole := makeFile(t, 3*chunk)
	taker := startNode(t, nil)
	s := newSwarm(taker.Node, "file", oneFile{store.NewMemory(whole.Chunks())}, 1, transfer.Config{})
	giver := entered(s, 1)
	giver.link.quitAll()
	p := make([]byte, chunk)
	if err := errors.Join(whole.ReadChunk(2, p), giver.link.arrived(7, 2, p)); err != nil {
		t.Fatal(err)
	}
	if !s.file.Have().Has(2) {
		t.Error("a chunk that had come is fetched again")
	}
}

// TestNobodyIsBlamedForWhatWasNotHeard: when this process did not run, what came
// meanwhile is still to be read.
func TestNobodyIsBlamedForWhatWasNotHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		taker := startPiped(t, "taker", nil)
		list := makeFile(t, 3*chunk).Chunks()
		s := newSwarm(taker.Node, "file", oneFile{store.NewMemory(list)}, 1, transfer.Config{})
		giver := entered(s, 1)
		s.take.offered(giver, offer{Chunk: 1, Sure: true})
		const long = time.Minute
		for _, missed := range []time.Duration{long, 0} {
			time.Sleep(long)
			s.tick(time.Now(), missed)
			if kept := len(giver.claims.Own()) > 0; kept != (missed > 0) {
				t.Errorf("after %v, of which %v were missed, the promise stands: %v", long, missed, kept)
			}
		}
		taker.stop()
	})
}

// TestWhatIsTakenBackIsNotSent: chunks wait for their turn behind others of the
// same uplink, perhaps so long that their taker gives them up and takes them
// from somebody else. Sent all the same they would come twice.
func TestWhatIsTakenBackIsNotSent(t *testing.T) {
	for name, words := range map[string]func(chunks []int) []message{
		"given up": func(chunks []int) []message { return []message{news{what: typeLost, Topic: 7, Chunks: chunks}} },
		"had from another": func(chunks []int) (all []message) {
			for _, i := range chunks {
				all = append(all, answer{Topic: 7, Chunk: i, Verdict: declined})
			}
			return all
		},
	} {
		t.Run(name, func(t *testing.T) { takenBack(t, words) })
	}
}

func takenBack(t *testing.T, words func(chunks []int) []message) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 20*chunk)
		origin := startPiped(t, "origin", nil)
		if _, err := origin.share("file", oneFile{file}, nil); err != nil {
			t.Fatal(err)
		}
		chunks := make(chan stream, 1)
		taker := meetsTaking(t, origin, "taker", func(s stream) { chunks <- s })
		var promised []int
		taker.reacts(func(m message) {
			o, ok := m.(offer)
			if !ok {
				return
			}
			a := answer{Topic: 7, Chunk: o.Chunk, Verdict: declined}
			if len(promised) < 3 {
				promised, a.Verdict = append(promised, o.Chunk), accepted
			}
			_, _ = taker.control.Write(encode(nil, a))
		})
		taker.joins(file.Chunks(), content.NewSet(20))
		time.Sleep(maxOvertaking) // nothing is read, and each that goes out on suspicion waits
		synctest.Wait()
		if len(promised) < 2 {
			t.Fatalf("%d chunks were offered", len(promised))
		}
		taker.say(words(promised[1:])...)
		came := make(chan int, 20)
		go readChunks(<-chunks, came)
		synctest.Wait()
		if got := <-came; got != promised[0] || len(came) > 0 {
			t.Errorf("chunk %d came and %d more; only %d was wanted still", got, len(came), promised[0])
		}
		origin.stop()
		_ = taker.conn.Close()
	})
}

// readChunks tells which chunks come on a data stream.
func readChunks(s stream, came chan<- int) {
	head := make([]byte, chunkOverhead)
	for {
		if _, err := io.ReadFull(s, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, s, chunk); err != nil {
			return
		}
		_, i := chunkNames(head)
		came <- i
	}
}
