package peer

import (
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/content"
	"starmesh/common/store"
)

// TestAChunkMayOvertakeItsJoin: chunks have a stream of their own, and the
// first may be there before the word that its giver has the file at all.
func TestAChunkMayOvertakeItsJoin(t *testing.T) {
	file := makeFile(t, chunk)
	list := file.Chunks()
	taker := startNode(t, nil)
	r := loose(t, taker)
	got := store.NewMemory(list)
	done := taker.begin(t, got)
	r.say(hello{Version: version})
	waitFor(t, func() bool { return len(taker.links.all()) == 1 })
	p := make([]byte, chunk)
	if err := file.ReadChunk(0, p); err != nil {
		t.Fatal(err)
	}
	r.send(7, 0, p)
	waitFor(t, func() bool { return taker.meter.PayloadIn.Load() == chunk })
	if got.Have().Has(0) {
		t.Fatal("it was taken before it was offered")
	}
	r.say(join{what: typeJoin, Topic: 7, ID: list.ID(), Size: list.Size(), Has: content.FullSet(1)}, offer{Topic: 7, Sure: true})
	done()
	same(t, got, file)
	if again := taker.meter.AgainIn.Load(); again > 0 {
		t.Errorf("%d bytes were taken for superfluous", again)
	}
}

// looseLink is a link of a node that has no host: only its books are used.
func looseLink(shared ...content.ID) *link {
	n := &Node{shelf: newShelf()}
	for _, id := range shared {
		n.shelf.add(id, func(topic) *swarm { return &swarm{} })
	}
	return &link{node: n, files: newMembership()}
}

// TestAChunkIsHeldBackOnlyWhileItsJoinMayCome tells when the reader of chunks
// waits for a JOIN that the chunk has overtaken, and when it drops the chunk.
func TestAChunkIsHeldBackOnlyWhileItsJoinMayCome(t *testing.T) {
	const here, elsewhere = 1, 2
	for name, c := range map[string]struct {
		before func(l *link) // what is known when the chunk comes
		then   func(l *link) // what happens while it waits
		want   bool          // whether a member is found
		after  time.Duration // … or given up, when the chunk has waited for so long
	}{
		"a JOIN that comes": {
			then: func(l *link) { enters(l, 7) }, want: true, after: time.Second,
		},
		"none that comes": {after: maxOvertaking},
		"a JOIN for another file": {
			then: func(l *link) { enters(l, 8) }, after: maxOvertaking,
		},
		"a file that was left": {
			before: func(l *link) { _ = l.leaves(leave{Topic: 7}) },
		},
		"a file that is left meanwhile": {
			then: func(l *link) { _ = l.leaves(leave{Topic: 7}) }, after: time.Second,
		},
		"a JOIN for a file that is not shared here": {
			then: func(l *link) {
				_ = l.joined(join{what: typeJoin, Topic: 7, ID: content.ID{elsewhere}, Has: content.NewSet(1)})
			}, after: time.Second,
		},
		"a file that is not shared here": {
			before: func(l *link) {
				_ = l.joined(join{what: typeJoin, Topic: 7, ID: content.ID{elsewhere}, Has: content.NewSet(1)})
			},
		},
		"a file that is, and begins to be served": {
			before: func(l *link) { l.files.strange[7] = join{what: typeJoin, Topic: 7, ID: content.ID{here}} },
			then:   func(l *link) { enters(l, 7) }, want: true, after: time.Second,
		},
		"the end of the link": {
			then: func(l *link) { l.quitAll() }, after: time.Second,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := looseLink(content.ID{here})
				if c.before != nil {
					c.before(l)
				}
				if c.then != nil {
					time.AfterFunc(time.Second, func() { c.then(l) })
				}
				began := time.Now()
				m := l.awaited(7)
				if got := m != nil; got != c.want {
					t.Errorf("a member is found: %v, want %v", got, c.want)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("after %v, want %v", took, c.after)
				}
				synctest.Wait()
			})
		})
	}
}

// enters makes the remote a member of one more file.
func enters(l *link, t topic) {
	l.files.mu.Lock()
	defer l.files.mu.Unlock()
	l.files.members[t] = &member{swarm: &swarm{}, link: l, topic: t}
	l.files.changedLocked()
}
