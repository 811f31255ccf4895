// Package content owns identity: what a file's name for all nodes is (its
// BLAKE3 hash), into which chunks it falls, the list of chaining values that
// proves each chunk alone, sets of chunks, and collections of files.
//
// It knows no disk, no network and no time.
//
// Chunks are BLAKE3 subtrees (BLAKE3 specification, §2.1 and §2.5; the same
// grouping as in n0's bao-tree): the chaining value of each chunk is computed
// on its own, and folding all of them gives the hash that b3sum prints.
package content
