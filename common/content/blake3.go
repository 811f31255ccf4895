package content

import (
	"encoding/binary"
	"math/bits"

	"lukechampine.com/blake3/guts"
)

// The steps below are those of the BLAKE3 specification (§2.4 chunk chaining
// values, §2.5 parent nodes, §2.1 tree structure); guts has the compression.

const group = 16 << 10 // what guts.CompressBuffer takes at once: 16 BLAKE3 chunks of 1 KiB

// Sum is the id of a file with the content p, of up to MaxChunk bytes.
func Sum(p []byte) ID { return chunkValue(p, 0, true) }

// chunkValue returns the chaining value of the subtree over p, whose first byte
// is at offset off of the file. root tells that p is the whole file; then the
// value is the file's hash. len(p) is 1 … MaxChunk. It does not allocate.
func chunkValue(p []byte, off int64, root bool) [CVSize]byte {
	// Subtrees of equal height wait on a stack until their right sibling is
	// there, as in a binary counter; the last one stays a node until all
	// merges are done, because only then is it known whether it is the root.
	var stack [16][8]uint32
	depth := 0
	count := uint64(0)
	at := uint64(off) / guts.ChunkSize
	for len(p) > group {
		cv := guts.ChainingValue(guts.CompressBuffer((*[group]byte)(p), group, &guts.IV, at, 0))
		p = p[group:]
		at += group / guts.ChunkSize
		count++
		for c := count; c&1 == 0; c >>= 1 {
			depth--
			cv = guts.ChainingValue(guts.ParentNode(stack[depth], cv, &guts.IV, 0))
		}
		stack[depth] = cv
		depth++
	}
	node := lastGroup(p, at)
	for depth > 0 {
		depth--
		node = guts.ParentNode(stack[depth], guts.ChainingValue(node), &guts.IV, 0)
	}
	if root {
		node.Flags |= guts.FlagRoot
	}
	return toBytes(guts.ChainingValue(node))
}

// lastGroup compresses the 0 … 16 KiB at a subtree's end.
func lastGroup(p []byte, at uint64) guts.Node {
	if len(p) == group {
		return guts.CompressBuffer((*[group]byte)(p), group, &guts.IV, at, 0)
	}
	var buf [group]byte
	n := copy(buf[:], p)
	return guts.CompressBuffer(&buf, n, &guts.IV, at, 0)
}

// fold joins chaining values of chunks (CVSize bytes each) to the file's id.
func fold(cvs []byte) ID {
	switch n := len(cvs) / CVSize; n {
	case 0:
		return chunkValue(nil, 0, true)
	case 1:
		return ID(cvs)
	default:
		return ID(toBytes(join(cvs, n, guts.FlagRoot)))
	}
}

// join returns the chaining value over n ≥ 1 chunks: the left subtree holds the
// largest power of two of chunks that leaves something for the right one.
func join(cvs []byte, n int, flags uint32) [8]uint32 {
	if n == 1 {
		return fromBytes(cvs)
	}
	left := 1 << (bits.Len(uint(n-1)) - 1)
	l := join(cvs[:left*CVSize], left, 0)
	r := join(cvs[left*CVSize:], n-left, 0)
	return guts.ChainingValue(guts.ParentNode(l, r, &guts.IV, flags))
}

func toBytes(words [8]uint32) (b [CVSize]byte) {
	for i, w := range words {
		binary.LittleEndian.PutUint32(b[4*i:], w)
	}
	return b
}

func fromBytes(b []byte) (words [8]uint32) {
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return words
}
