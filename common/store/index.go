package store

import (
	"io/fs"
	"slices"
	"sort"
	"strings"
	"time"

	"starmesh/common/content"
)

// Entry is one file of a Folder.
type Entry struct {
	Name    string // slash-separated, within the folder
	Size    int64  // bytes
	ModTime time.Time
	Mode    fs.FileMode // permission bits
	ID      content.ID  // zero while it is not hashed yet
}

// Attributes are the entry's mode and time.
func (e Entry) Attributes() content.Attributes {
	return content.Attributes{Mode: uint32(e.Mode.Perm()), ModTime: e.ModTime}
}

// EventKind says what happened to a file of a Folder.
type EventKind int

// What can happen to a file.
const (
	Appeared EventKind = iota + 1 // it is there and its id known
	Changed                       // its content is another one, and its id known
	Gone                          // it is no longer there
	Lost                          // the watcher was slow and missed something: list again
)

// String names the kind, for people and logs.
func (k EventKind) String() string {
	switch k {
	case Appeared:
		return "appeared"
	case Changed:
		return "changed"
	case Gone:
		return "gone"
	case Lost:
		return "lost"
	default:
		return "unknown"
	}
}

// Event is one change of a Folder. With Gone the Entry is the last one known,
// with Lost it is empty.
type Event struct {
	Kind  EventKind
	Entry Entry
}

// index is what a Folder knows of its files: pure bookkeeping, without disk,
// time or locks. Every change gives the event to be told, if any.
type index struct {
	records map[string]*record
	names   []string // of all records but the added, sorted
	added   []string // by the scan that is not yet swept
	byID    map[content.ID][]string
	former  map[content.ID]string // ids that files had until lately, a few of them
	scan    uint64                // number of the last scan begun
	kept    int64                 // bytes of chunk lists held
}

// keepLists is how many bytes of chunk lists are kept in memory where a cache
// has them as well: a list is up to 0.05 % of its file.
const keepLists = 64 << 20

// maxFormer is of how many ids is kept what had them.
const maxFormer = 1024

type record struct {
	entry  Entry
	stamp  Stamp
	list   content.ChunkList // when entry.ID is set; not there when the cache has it and memory is short
	told   content.ID        // the id the watchers know; zero when they were not told of it
	queued bool              // waiting to be hashed
	fault  trouble           // why it is not hashed, when it can not be
	seen   uint64            // the last scan that found it
	fresh  uint64            // the scan during which it was looked at otherwise: that one may be behind
}

// trouble is why a file could not be hashed, and when to try again.
type trouble struct {
	err   error
	until time.Time
}

func newIndex() *index {
	return &index{records: map[string]*record{}, byID: map[content.ID][]string{}, former: map[content.ID]string{}}
}

// file is what a scan, or a look at a single file, has found.
type file struct {
	name  string
	stamp Stamp
	mode  fs.FileMode
}

func fileOf(name string, info fs.FileInfo) file {
	return file{name: name, stamp: StampOf(info), mode: info.Mode().Perm()}
}

func (f file) entry() Entry {
	return Entry{Name: f.name, Size: f.stamp.Size, ModTime: time.Unix(0, f.stamp.ModTime), Mode: f.mode}
}

// see notes a file that a scan found. It gives its record, and whether the
// stamp is the one it had before. A record the scan is behind of stays.
func (x *index) see(f file) (r *record, same bool) {
	r = x.records[f.name]
	if r == nil {
		r = &record{entry: f.entry(), stamp: f.stamp}
		x.records[f.name] = r
		x.added = append(x.added, f.name)
	}
	same = r.seen != 0 && r.stamp == f.stamp
	r.seen = x.scan
	if r.fresh == x.scan {
		return r, true
	}
	r.entry.Mode = f.mode
	if r.stamp != f.stamp {
		x.unhash(r)
		r.entry, r.stamp, r.fault = f.entry(), f.stamp, trouble{}
	}
	return r, same
}

// sweep ends a scan: names that were new become part of the order, and what
// the scan did not find is gone. What lies at one of unread it could not look
// for.
func (x *index) sweep(unread []string) []Event {
	var gone []Event
	before := len(x.records)
	for name, r := range x.records {
		if r.seen != x.scan && r.fresh != x.scan && !slices.ContainsFunc(unread, func(at string) bool { return within(at, name) }) {
			gone = append(gone, x.drop(name, r)...)
		}
	}
	if len(x.records) < before {
		x.names = slices.DeleteFunc(x.names, func(name string) bool { return x.records[name] == nil })
	}
	x.added = slices.DeleteFunc(x.added, func(name string) bool { return x.records[name] == nil }) // forgotten meanwhile
	x.names = mergeNames(x.names, x.added)
	x.added = nil
	return gone
}

// mergeNames returns the sorted union of sorted and added, which may be in any
// order and have names twice.
func mergeNames(sorted, added []string) []string {
	if len(added) == 0 {
		return sorted
	}
	slices.Sort(added)
	added = slices.Compact(added)
	all := make([]string, 0, len(sorted)+len(added))
	for len(sorted) > 0 && len(added) > 0 {
		switch c := strings.Compare(sorted[0], added[0]); {
		case c < 0:
			all, sorted = append(all, sorted[0]), sorted[1:]
		case c > 0:
			all, added = append(all, added[0]), added[1:]
		default:
			added = added[1:]
		}
	}
	return append(append(all, sorted...), added...)
}

// know notes the chunk list of a file as it is now.
func (x *index) know(f file, list content.ChunkList) []Event {
	r := x.records[f.name]
	if r == nil {
		r = &record{}
		x.records[f.name] = r
	}
	if at, found := slices.BinarySearch(x.names, f.name); !found {
		x.names = slices.Insert(x.names, at, f.name)
	}
	x.unhash(r)
	r.entry, r.stamp, r.list, r.fresh, r.fault = f.entry(), f.stamp, list, x.scan, trouble{}
	r.entry.ID = list.ID()
	x.kept += int64(len(list.Bytes()))
	x.byID[list.ID()] = append(x.byID[list.ID()], f.name)
	delete(x.former, list.ID())
	before := r.told
	r.told = list.ID()
	switch before {
	case list.ID():
		return nil
	case content.ID{}:
		return []Event{{Kind: Appeared, Entry: r.entry}}
	default:
		return []Event{{Kind: Changed, Entry: r.entry}}
	}
}

// forget notes that a file is no longer there.
func (x *index) forget(name string) []Event {
	r := x.records[name]
	if r == nil {
		return nil
	}
	if at, found := slices.BinarySearch(x.names, name); found {
		x.names = slices.Delete(x.names, at, at+1)
	}
	return x.drop(name, r)
}

func (x *index) drop(name string, r *record) []Event {
	entry := r.entry
	entry.ID = r.told
	x.unhash(r)
	delete(x.former, r.told) // it has not changed, it is gone
	delete(x.records, name)
	if r.told.IsZero() {
		return nil
	}
	return []Event{{Kind: Gone, Entry: entry}}
}

// unhash takes back what is known of the content.
func (x *index) unhash(r *record) {
	if r.entry.ID.IsZero() {
		return
	}
	names := x.byID[r.entry.ID]
	if at := slices.Index(names, r.entry.Name); at >= 0 {
		names = slices.Delete(names, at, at+1)
	}
	if len(names) == 0 {
		delete(x.byID, r.entry.ID)
		if len(x.former) == maxFormer {
			clear(x.former) // whoever still asks is told that nothing has the id
		}
		x.former[r.entry.ID] = r.entry.Name
	} else {
		x.byID[r.entry.ID] = names
	}
	r.entry.ID = content.ID{}
	x.release(r)
}

// release lets go of a chunk list.
func (x *index) release(r *record) {
	x.kept -= int64(len(r.list.Bytes()))
	r.list = content.ChunkList{}
}

// find gives up to limit entries at prefix (0: all), by name, behind the name
// after.
func (x *index) find(prefix, after string, limit int) (entries []Entry, more bool) {
	for _, names := range x.ranges(prefix) {
		if after != "" {
			names = names[sort.Search(len(names), func(i int) bool { return names[i] > after }):]
		}
		for _, name := range names {
			if limit > 0 && len(entries) == limit {
				return entries, true
			}
			entries = append(entries, x.records[name].entry)
		}
	}
	return entries, false
}

// ranges returns the names that are prefix or lie in it: in the order of names
// those are two pieces, for "a-b" is between "a" and "a/b".
func (x *index) ranges(prefix string) [][]string {
	if prefix == "" {
		return [][]string{x.names}
	}
	from := func(s string) int { return sort.SearchStrings(x.names, s) }
	at, exact := slices.BinarySearch(x.names, prefix)
	pieces := [][]string{x.names[from(prefix+"/"):from(prefix+"0")]} // 0 follows / in ASCII
	if exact {
		pieces = slices.Insert(pieces, 0, x.names[at:at+1])
	}
	return pieces
}

// within reports whether name is prefix or lies in it; all names lie in "".
func within(prefix, name string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && (prefix == "" || rest == "" || rest[0] == '/')
}
