package scheduler

import (
	"cmp"
	"slices"

	"starmesh/common/content"
)

// drawBlock is how many adjacent chunks have the same drawer: one request brings
// them all.
const drawBlock = 4

// shares is which chunks fall to whom: each to the drawer for which a hash of both
// is lowest, which asks for those with the lowest hashes first.
type shares struct {
	self     ID
	chunks   int
	drawers  []ID // whom own and relieved are for
	everyone turns
	mine     turns
	others   turns // those that would fall to this node next; who has them would ask for the first of them last
}

// any returns at most room of the chunks in set, in this node's order: another one
// begins elsewhere.
func (s *shares) any(set content.Set, room int) []int {
	if s.everyone.blocks == nil {
		s.everyone.blocks = s.sorted(func(first int) (bool, uint64) { return true, mix(uint64(first), uint64(s.self)) })
	}
	return s.everyone.take(set, room)
}

// own returns at most room of the chunks in set that fall to this node.
func (s *shares) own(drawers []ID, set content.Set, room int) []int {
	if !slices.Equal(s.drawers, drawers) {
		s.divide(drawers)
	}
	return s.mine.take(set, room)
}

// relief returns at most room of those that fall to others, whose shares are as
// large in the mean only, but for what they may be asking for by now. own is to
// come before.
func (s *shares) relief(set content.Set, room int) []int { return s.others.take(set, room) }

// divide finds out what falls to this node, now that others draw.
func (s *shares) divide(drawers []ID) {
	s.drawers = drawers
	rank := func(first int) (before int, lowest uint64) {
		own := mix(uint64(first), uint64(s.self))
		lowest = own
		for _, id := range drawers {
			if h := mix(uint64(first), uint64(id)); h < own {
				before++
				lowest = min(lowest, h)
			}
		}
		return before, lowest
	}
	s.mine = turns{blocks: s.sorted(func(first int) (bool, uint64) {
		before, own := rank(first)
		return before == 0, own
	})}
	s.others = turns{blocks: s.sorted(func(first int) (bool, uint64) {
		before, owner := rank(first)
		return before == 1, ^owner
	}), leave: 2 * drawBlock}
}

// sorted returns the first chunks of the blocks that are in, the lowest key first.
func (s *shares) sorted(key func(first int) (in bool, key uint64)) []int32 {
	type turn struct {
		first int32
		key   uint64
	}
	var all []turn
	for first := 0; first < s.chunks; first += drawBlock {
		if in, k := key(first); in {
			all = append(all, turn{int32(first), k})
		}
	}
	slices.SortFunc(all, func(a, b turn) int { return cmp.Compare(a.key, b.key) })
	blocks := make([]int32, len(all))
	for i, t := range all {
		blocks[i] = t.first
	}
	return blocks
}

// turns are blocks, by their first chunks, in the order in which they are asked
// for.
type turns struct {
	blocks []int32
	leave  int         // chunks at the end that are left alone
	last   content.Set // chunks there were to choose from, the last time
	at     int         // where to look next: nothing was to be asked for before
}

// take returns at most room of the chunks in set.
func (t *turns) take(set content.Set, room int) (found []int) {
	if room <= 0 {
		return nil
	}
	if t.last.Len() == 0 {
		t.last = set
	}
	if _, more := set.NextNotIn(0, t.last); more {
		t.at = 0 // something has come back
	}
	t.last = set
	for at := t.at; at < len(t.blocks) && len(found) < room+t.leave; at++ {
		first := int(t.blocks[at])
		for i := first; i < min(first+drawBlock, set.Len()); i++ {
			if set.Has(i) {
				found = append(found, i)
			}
		}
		if len(found) == 0 {
			t.at = at + 1
		}
	}
	return found[:min(room, max(0, len(found)-t.leave))]
}

// mix is a hash of two numbers: the finalizer of SplitMix64 (Steele, Lea and
// Flood, 2014).
func mix(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 ^ b
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
