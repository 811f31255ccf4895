package store

import (
	"encoding/binary"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"lukechampine.com/blake3"

	"starmesh/common/atomicfile"
	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	// racy is how long after its modification a file may be written to once
	// more without its time showing it: clocks of file systems tick in
	// milliseconds (the racy git problem).
	racy = 50 * time.Millisecond
	// cacheKeep is how long a list is kept that nobody asks for.
	cacheKeep = 90 * 24 * time.Hour
	// cacheTouch is how old the mark of the last use may get before it is
	// renewed, so that a lookup seldom writes.
	cacheTouch = 24 * time.Hour
)

// Cache remembers chunk lists between runs, by path and Stamp, so that nothing
// is hashed twice. Losing it costs time only: what can not be read is not
// there. A nil *Cache works and remembers nothing. It may be used from several
// goroutines and processes.
type Cache struct {
	dir string

	mu     sync.Mutex // guards what follows
	pruned [256]bool  // the parts that were looked through in this run
}

// DefaultCacheDir is starmesh/hashes in the user's cache folder.
func DefaultCacheDir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", explain(err, "the user's cache folder")
	}
	return filepath.Join(dir, "starmesh", "hashes"), nil
}

// OpenCache uses, or makes, the cache in the folder dir.
func OpenCache(dir string) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, explain(err, dir)
	}
	return &Cache{dir: dir}, nil
}

// Lookup returns the chunk list of the file at path, if it had this stamp when
// it was remembered. A relative path means another file in another folder:
// give absolute ones.
func (c *Cache) Lookup(path string, stamp Stamp) (content.ChunkList, bool) {
	if c == nil {
		return content.ChunkList{}, false
	}
	name, key := c.place(path)
	b, err := os.ReadFile(name)
	if err != nil {
		return content.ChunkList{}, false
	}
	list, err := decodeCached(b, key, stamp)
	if err != nil {
		return content.ChunkList{}, false
	}
	if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > cacheTouch {
		now := time.Now()
		os.Chtimes(name, now, now) // only a mark: without it the list is dropped too early
	}
	return list, true
}

// Remember keeps the chunk list of the file at path. Nothing is kept of a file
// modified within 50 ms of now: it may be written to once more without its
// stamp showing it.
func (c *Cache) Remember(path string, stamp Stamp, list content.ChunkList) error {
	if c == nil || isRacy(stamp, time.Now()) || list.Size() != stamp.Size {
		return nil
	}
	name, key := c.place(path)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return explain(err, filepath.Dir(name))
	}
	c.prune(key[0])
	// Not synced: damage is noticed, and the disk would set the pace of hashing.
	return explain(atomicfile.Write(name, atomicfile.Options{Perm: 0o600, NoSync: true}, func(w io.Writer) error {
		_, err := w.Write(encodeCached(key, stamp, list))
		return err
	}), name)
}

func isRacy(stamp Stamp, now time.Time) bool {
	return now.Sub(time.Unix(0, stamp.ModTime)).Abs() < racy
}

// place is where the list of the file at path is kept: 256 folders with a file
// for each path, named after its hash.
func (c *Cache) place(path string) (name string, key [32]byte) {
	key = blake3.Sum256([]byte(path))
	digits := hex.EncodeToString(key[:])
	return filepath.Join(c.dir, digits[:2], digits[2:]), key
}

// prune drops what nobody asked for in a long time. What makes the cache grow
// also cleans it: each of its folders once in a run, when something is added
// there.
func (c *Cache) prune(part byte) {
	c.mu.Lock()
	before := c.pruned[part]
	c.pruned[part] = true
	c.mu.Unlock()
	if before {
		return
	}
	dir := filepath.Join(c.dir, hex.EncodeToString([]byte{part}))
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > cacheKeep {
			os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

// A cached list, all numbers big endian:
//
//	"starmesh hash", 0, 0, version 1 | BLAKE3 of the path: 32
//	size: 8 | modification time (ns): 8 | inode: 8 | chunk list
//	BLAKE3 of all before: 32
const (
	cacheMagic = "starmesh hash\x00\x00\x01"
	cacheHead  = len(cacheMagic) + 32 + 3*8
)

func encodeCached(key [32]byte, stamp Stamp, list content.ChunkList) []byte {
	b := make([]byte, 0, cacheHead+len(list.Bytes())+32)
	b = append(append(b, cacheMagic...), key[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(stamp.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(stamp.ModTime))
	b = binary.BigEndian.AppendUint64(b, stamp.Inode)
	b = append(b, list.Bytes()...)
	sum := blake3.Sum256(b)
	return append(b, sum[:]...)
}

// decodeCached fails with fault.Corrupt for damage, and fault.NotFound for the
// list of another file, or of the same before it changed.
func decodeCached(b []byte, key [32]byte, stamp Stamp) (content.ChunkList, error) {
	if len(b) < cacheHead+32 {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the cached list is cut short")
	}
	body, sum := b[:len(b)-32], b[len(b)-32:]
	if blake3.Sum256(body) != [32]byte(sum) {
		return content.ChunkList{}, fault.Wrapf(fault.Corrupt, "the cached list is damaged")
	}
	head := string(encodeCached(key, stamp, content.ChunkList{})[:cacheHead])
	if string(body[:cacheHead]) != head {
		return content.ChunkList{}, fault.Wrapf(fault.NotFound, "the cached list is another file's")
	}
	return content.NewChunkList(stamp.Size, body[cacheHead:])
}
