package fetch

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// Place is where fetched files go, and who hears of it: the same for every way
// by which they come.
type Place struct {
	To    *Destination
	Force bool // replaces files that are there and differ
	Meter *load.Meter
	Out   Output
}

// carrier is a way by which files come.
type carrier interface {
	// chunkList asks for a file's chunk list; carry follows at once if nothing of
	// the file is here.
	chunkList(ctx context.Context, entry store.Entry, nothing bool) (content.ChunkList, error)
	// carry brings all that file lacks and enters it in the books.
	carry(ctx context.Context, file store.File, entry store.Entry, b *books) error
}

// wish is one file to fetch and the name it will have here.
type wish struct {
	entry store.Entry // without id while the server has not hashed it
	as    string      // slash-separated
}

// placed is a file that is whole and in its place.
type placed struct {
	*store.Shelved      // nil: it has gone meanwhile
	before         bool // it was there before
}

// fetch brings one file to its place. bar is that of a whole folder, nil for
// one of its own.
func (p Place) fetch(ctx context.Context, by carrier, w wish, bar Bar) (placed, error) {
	name := p.To.name(w.as)
	was, there, err := p.alreadyThere(ctx, w, name, bar)
	if there || err != nil {
		return placed{p.shelve(name, was), there}, err
	}
	list, err := p.chunkList(ctx, by, w.entry, name)
	if err != nil {
		return placed{}, err
	}
	w.entry.Size = list.Size() // what was said before is not proven
	part, err := store.Create(p.To.root, name, list, store.Options{
		Force: p.Force, Mode: w.entry.Mode, ModTime: w.entry.ModTime,
	})
	if err != nil {
		return placed{}, fmt.Errorf("%s: %w", p.To.path(name), err)
	}
	file := &moving{file: part}
	if err := p.reuse(ctx, part, was, name); err != nil {
		file.Close()
		return placed{}, fmt.Errorf("%s: %w", p.To.path(name), err)
	}
	began, kept := time.Now(), part.Resumed()
	if err := p.fill(ctx, by, file, w.entry, kept, bar, part.Finish); err != nil {
		file.Close()
		return placed{}, fmt.Errorf("%s: %w", readable.Text(w.entry.Name), err)
	}
	p.done(w, p.To.path(name), kept, time.Since(began), bar)
	here := p.shelve(name, list)
	if here != nil {
		file.move(here)
	}
	return placed{Shelved: here}, nil
}

// reuse takes over what is right of the file that is to be replaced; was is its
// chunk list, if that is known.
func (p Place) reuse(ctx context.Context, part *store.Part, was content.ChunkList, name string) error {
	info, err := p.To.stat(name)
	if !p.Force || err != nil || !info.Mode().IsRegular() {
		return nil
	}
	bar := p.Out.Bar("compare with "+readable.Text(p.To.path(name)), 0, info.Size())
	err = part.Reuse(ctx, was, bar.Add)
	bar.Finish(err)
	return err
}

// alreadyThere returns whether the very file is in its place, so that a command
// that was stopped half-way through a folder can be run again. list is that of
// the file which is there, zero if it was not hashed.
func (p Place) alreadyThere(ctx context.Context, w wish, name string, bar Bar) (list content.ChunkList, there bool, err error) {
	info, err := p.To.stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != w.entry.Size {
		return list, false, nil // whether it is in the way, store.Create says
	}
	path := p.To.path(name)
	if list, err = hashFile(ctx, p.Out, path, path, info.Size(), nil); err != nil || list.ID() != w.entry.ID {
		return list, false, ctx.Err()
	}
	if err := store.Tidy(p.To.root, name, w.entry.ID); err != nil {
		return list, false, err
	}
	if bar != nil {
		bar.Kept(w.entry.Size)
	}
	p.detail(bar, "%s is here already", readable.Text(path))
	p.Out.Event(DoneEvent, doneEvent{Name: w.entry.Name, Path: path, ID: w.entry.ID, Size: w.entry.Size, Kept: w.entry.Size})
	p.Meter.Transfer(w.entry.ID.String(), w.entry.Name, w.entry.Size).Done()
	return list, true, nil
}

// hashFile computes the chunk list of the file at path, with a bar while it
// does; title is what people know the file as.
func hashFile(ctx context.Context, out Output, title, path string, size int64, cache *store.Cache) (content.ChunkList, error) {
	bar := out.Bar("hash "+readable.Text(title), 0, size)
	list, err := store.HashFile(ctx, path, cache, bar.Add)
	bar.Finish(err)
	return list, err
}

// shelve returns the finished file called name; nil if it is not there: whoever
// removed it wants it no more.
func (p Place) shelve(name string, list content.ChunkList) *store.Shelved {
	info, err := p.To.stat(name)
	if err != nil || !info.Mode().IsRegular() {
		return nil
	}
	return store.NewShelved(p.To.root, name, list, store.StampOf(info))
}

// chunkList returns a file's chunk list: the one kept from last time under name,
// if it is of the same file, or what the carrier knows.
func (p Place) chunkList(ctx context.Context, by carrier, entry store.Entry, name string) (content.ChunkList, error) {
	if empty, err := content.NewChunkList(0, nil); err == nil && entry.Size == 0 && entry.ID == empty.ID() {
		return empty, nil // nobody needs others for nothing
	}
	if name == "" {
		return by.chunkList(ctx, entry, true)
	}
	list, begun := store.Saved(p.To.root, name)
	if begun && list.ID() == entry.ID {
		return list, nil
	}
	_, err := p.To.stat(name)
	return by.chunkList(ctx, entry, err != nil && !begun)
}

// fill brings what file lacks, and calls finish when it is whole.
func (p Place) fill(ctx context.Context, by carrier, file store.File, entry store.Entry, kept int64, bar Bar, finish func() error) (err error) {
	account := p.Meter.Transfer(entry.ID.String(), entry.Name, entry.Size)
	account.Have(kept)
	account.ChunkMap(file.Chunks().Len(), func() []byte { return file.Have().Bytes() })
	defer func() { account.End(err) }() // End(nil) is Done: verified, in its place
	if bar != nil {
		bar.Kept(kept)
	} else {
		bar = p.Out.Bar("get "+readable.Text(entry.Name), kept, entry.Size-kept)
		defer func() { bar.Finish(err) }()
	}
	if err := by.carry(ctx, file, entry, &books{account: account, bar: bar, kept: kept}); err != nil {
		return err
	}
	return finish()
}

// books are kept of one file while it arrives.
type books struct {
	account *load.Transfer
	bar     Bar
	kept    int64 // bytes there before
	stored  atomic.Int64
	asked   func(i int) int64 // bytes of chunk i that count; nil: all
}

// chunk enters a chunk that has arrived.
func (b *books) chunk(c transfer.Chunk) {
	if c.Outcome != transfer.Stored {
		return
	}
	n := int64(c.Bytes)
	if b.asked != nil {
		n = b.asked(c.Index)
	}
	b.add(n)
}

// add enters bytes that have arrived.
func (b *books) add(n int64) {
	b.bar.Add(n)
	b.account.Have(b.kept + b.stored.Add(n))
}

// DoneEvent is the event of a file that is done.
const DoneEvent = "done"

// doneEvent tells programs of a file that is whole and in its place.
type doneEvent struct {
	Name    string     `json:"name"`
	Path    string     `json:"path"`
	ID      content.ID `json:"id"`
	Size    int64      `json:"size"`
	Kept    int64      `json:"kept_bytes"` // there already
	Seconds float64    `json:"seconds"`
	Files   int        `json:"files,omitempty"` // of a folder
}

// detail says something of one file; of one among many, whose bar this is, only
// to whoever asks for all.
func (p Place) detail(bar Bar, format string, args ...any) {
	if bar == nil || p.Out.Verbose() {
		p.Out.Note(format, args...)
	}
}

func (p Place) done(w wish, path string, kept int64, took time.Duration, bar Bar) {
	p.Out.Event(DoneEvent, doneEvent{Name: w.entry.Name, Path: path, ID: w.entry.ID, Size: w.entry.Size, Kept: kept, Seconds: took.Seconds()})
	rate := float64(w.entry.Size-kept) / max(took.Seconds(), 1e-9)
	p.detail(bar, "%s  %s in %s, %s/s", readable.Text(path), units.Bytes(w.entry.Size), units.Duration(took), units.Bytes(int64(rate)))
}

// stopped says how to go on, if it was the user who ended it: of a stream nothing
// is kept that the same command could go on from.
func (p Place) stopped(ctx context.Context, err error) error {
	if p.To.isStream() {
		return endedBy(ctx, err, "stopped; what was written to "+p.To.dir+" is a part of it only")
	}
	return endedBy(ctx, err, "stopped; what has arrived is kept, the same command goes on from there")
}

// endedBy is err, in these words if it was the user who ended it.
func endedBy(ctx context.Context, err error, words string) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fault.Wrapf(context.Canceled, "%s", words)
	}
	return err
}
