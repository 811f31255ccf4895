package peer

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/content"
	"starmesh/common/store"
)

// besieged is a node that shares a file, and remotes that have joined it, one from
// each address.
func besieged(t *testing.T, file store.File, addrs ...netip.Addr) (pipedNode, []*scripted) {
	t.Helper()
	origin := startPiped(t, "origin", nil)
	if _, err := origin.share("file", oneFile{file}, nil); err != nil {
		t.Fatal(err)
	}
	var all []*scripted
	for i, a := range addrs {
		all = append(all, joinsFrom(t, origin, file, fmt.Sprint("one of a crowd ", i), a))
	}
	return origin, all
}

func joinsFrom(t *testing.T, n pipedNode, file store.File, id string, from netip.Addr) *scripted {
	t.Helper()
	r := meetsFrom(t, n, id, from, func(s stream) { go drain(s) })
	r.joins(file.Chunks(), content.NewSet(file.Chunks().Len()))
	synctest.Wait()
	return r
}

func hangUp(n pipedNode, all ...*scripted) {
	n.stop()
	for _, r := range all {
		_ = r.conn.Close()
	}
}

func many(n int, addr func(i int) string) (all []netip.Addr) {
	for i := range n {
		all = append(all, netip.MustParseAddr(addr(i)))
	}
	return all
}

// TestACrowdKeepsNobodyOut: that of one address, nor that of one network; and
// where all are from one place none has more right than another.
func TestACrowdKeepsNobodyOut(t *testing.T) {
	for name, c := range map[string]struct {
		crowd []netip.Addr
		comes func(i int) string
		in    int // of 20 who come
		all   int // members then
	}{
		"an address": {many(200, func(int) string { return "10.1.1.1" }), func(i int) string { return fmt.Sprint("10.1.1.", 100+i) }, 20, maxCrowd + 20},
		"a network":  {many(200, func(i int) string { return fmt.Sprint("10.1.1.", i) }), func(i int) string { return fmt.Sprint("10.2.1.", i) }, 20, maxMembers},
		"IPv6":       {many(200, func(i int) string { return fmt.Sprintf("2001:db8:1:1::%x", i) }), func(i int) string { return fmt.Sprintf("2001:db8:1:%x::1", 2+i) }, 20, maxCrowd + 20},
		"two alike":  {many(200, func(int) string { return "10.1.1.1" }), func(int) string { return "10.1.1.2" }, maxCrowd, 2 * maxCrowd},
		"the same":   {many(200, func(int) string { return "10.1.1.1" }), func(int) string { return "10.1.1.1" }, 0, maxMembers},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				file := makeFile(t, 40*chunk)
				origin, all := besieged(t, file, c.crowd...)
				in := 0
				for i := range 20 {
					r := joinsFrom(t, origin, file, fmt.Sprint("who comes ", i), netip.MustParseAddr(c.comes(i)))
					in += 1 - len(said[leave](r))
					all = append(all, r)
				}
				if in != c.in {
					t.Errorf("%d of 20 were let in, want %d", in, c.in)
				}
				if n := len(origin.shelf.swarm(file.Chunks().ID()).members); n != c.all {
					t.Errorf("%d members, want %d", n, c.all)
				}
				hangUp(origin, all...)
			})
		})
	}
}

// TestWhoWasTurnedAwayIsLetInLater, without asking again.
func TestWhoWasTurnedAwayIsLetInLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 40*chunk)
		origin, all := besieged(t, file, make([]netip.Addr, maxMembers+2)...)
		for _, r := range all[maxMembers:] {
			if len(said[leave](r)) != 1 {
				t.Fatal("there was room for more than there should be")
			}
		}
		all[0].say(leave{Topic: 7})
		time.Sleep(2 * inviteTime)
		in := 0
		for _, r := range all[maxMembers:] {
			in += len(said[join](r)) - 1
		}
		if in != 1 {
			t.Errorf("%d were let in where one has left", in)
		}
		hangUp(origin, all...)
	})
}

// TestWhoDoesNotWaitIsNotAnswered, and in the end not spoken with.
func TestWhoDoesNotWaitIsNotAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := makeFile(t, 40*chunk)
		origin, all := besieged(t, file, make([]netip.Addr, maxMembers+1)...)
		late := all[maxMembers]
		again := func() {
			late.say(leave{Topic: 7})
			late.joins(file.Chunks(), content.NewSet(40))
			synctest.Wait()
		}
		time.Sleep(askAgainPauses.First)
		again()
		if n := len(said[leave](late)); n != 2 {
			t.Errorf("one that has waited is answered %d times, not twice", n)
		}
		for range maxImpatient {
			again()
		}
		if n := len(said[leave](late)); n != 2 || origin.links.with(late.conn.other.remote) == nil {
			t.Errorf("one that does not wait is answered %d times", n)
		}
		again()
		time.Sleep(2 * byeTime)
		if origin.links.with(late.conn.other.remote) != nil {
			t.Error("one that never waits is still linked")
		}
		hangUp(origin, all...)
	})
}
