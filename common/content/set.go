package content

import (
	"encoding/binary"
	"iter"
	"math/bits"

	"starmesh/common/fault"
)

// Set is a set of chunk indexes 0 … Len()-1, one bit each: a bitfield. It is a value with
// shared storage, like a slice: Clone before changing a set that others see.
type Set struct {
	words []uint64
	n     int
}

// NewSet returns an empty set over n chunks.
func NewSet(n int) Set { return Set{words: make([]uint64, (n+63)/64), n: n} }

// FullSet returns the set of all of n chunks.
func FullSet(n int) Set {
	s := NewSet(n)
	for w := range s.words {
		s.words[w] = ^uint64(0)
	}
	if tail := n % 64; tail != 0 {
		s.words[len(s.words)-1] = 1<<tail - 1
	}
	return s
}

// Len is how many chunks the set is over, not how many it holds.
func (s Set) Len() int { return s.n }

// Has reports whether i is in the set; false for an i outside 0 … Len()-1.
func (s Set) Has(i int) bool {
	return i >= 0 && i < s.n && s.words[i/64]&(1<<(i%64)) != 0
}

// Add puts i (0 … Len()-1) in.
func (s Set) Add(i int) { s.words[i/64] |= 1 << (i % 64) }

// Remove takes i (0 … Len()-1) out.
func (s Set) Remove(i int) { s.words[i/64] &^= 1 << (i % 64) }

// Count is the number of chunks in the set.
func (s Set) Count() int {
	count := 0
	for _, w := range s.words {
		count += bits.OnesCount64(w)
	}
	return count
}

// Full reports whether all chunks are in.
func (s Set) Full() bool { return s.Count() == s.n }

// Empty reports whether none is.
func (s Set) Empty() bool {
	for _, w := range s.words {
		if w != 0 {
			return false
		}
	}
	return true
}

// Next returns the first index ≥ from that is in the set.
func (s Set) Next(from int) (i int, ok bool) {
	if from < 0 {
		from = 0
	}
	for w := from / 64; w < len(s.words); w++ {
		word := s.words[w]
		if w == from/64 {
			word &= ^uint64(0) << (from % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word), true
		}
	}
	return 0, false
}

// NextNotIn returns the first index ≥ from that is in the set and not in t. Both
// are over the same number of chunks.
func (s Set) NextNotIn(from int, t Set) (i int, ok bool) {
	if from < 0 {
		from = 0
	}
	for w := from / 64; w < len(s.words); w++ {
		word := s.words[w] &^ t.words[w]
		if w == from/64 {
			word &= ^uint64(0) << (from % 64)
		}
		if word != 0 {
			return w*64 + bits.TrailingZeros64(word), true
		}
	}
	return 0, false
}

// All goes through the indexes in the set in ascending order.
func (s Set) All() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, ok := s.Next(0); ok; i, ok = s.Next(i + 1) {
			if !yield(i) {
				return
			}
		}
	}
}

// Clone returns a set with storage of its own.
func (s Set) Clone() Set { return Set{words: append([]uint64(nil), s.words...), n: s.n} }

// Keep takes out what is not in t. Both are over the same number of chunks.
func (s Set) Keep(t Set) {
	for w := range s.words {
		s.words[w] &= t.words[w]
	}
}

// Minus returns the chunks of s that are not in t, as a new set. Both are over
// the same number of chunks.
func (s Set) Minus(t Set) Set {
	d := s.Clone()
	for w := range d.words {
		d.words[w] &^= t.words[w]
	}
	return d
}

// Union returns the chunks in either, as a new set. Both are over the same
// number of chunks.
func (s Set) Union(t Set) Set {
	u := s.Clone()
	for w := range u.words {
		u.words[w] |= t.words[w]
	}
	return u
}

// SetBytes is the length in bytes of an encoded set over n chunks.
func SetBytes(n int) int { return (n + 7) / 8 }

// Bytes encodes the set: bit i%8 of byte i/8, SetBytes(Len()) bytes.
func (s Set) Bytes() []byte {
	b := make([]byte, len(s.words)*8)
	for w, word := range s.words {
		binary.LittleEndian.PutUint64(b[8*w:], word)
	}
	return b[:SetBytes(s.n)]
}

// ParseSet is the inverse of Bytes, for n chunks. It fails with fault.Invalid
// on a wrong length or a bit past the end.
func ParseSet(n int, b []byte) (Set, error) {
	if len(b) != SetBytes(n) {
		return Set{}, fault.Wrapf(fault.Invalid, "a set over %d chunks has %d bytes, not %d", n, SetBytes(n), len(b))
	}
	if tail := n % 8; tail != 0 && b[len(b)-1]>>tail != 0 {
		return Set{}, fault.Wrapf(fault.Invalid, "a set over %d chunks names one past the end", n)
	}
	s := NewSet(n)
	for i, v := range b {
		s.words[i/8] |= uint64(v) << (8 * (i % 8))
	}
	return s, nil
}
