package main

import (
	"context"
	"io/fs"
	"time"

	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/load"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// placer puts fetched files in their places, and says so: the same for the
// star and the mesh.
type placer struct {
	*node
	to *destination
}

// alreadyThere tells whether the very file is in its place, so that a command
// that was stopped half-way through a folder can be run again.
func (p placer) alreadyThere(ctx context.Context, w wish, name string) (list content.ChunkList, there bool, err error) {
	info, err := p.to.stat(name)
	if err != nil || !info.Mode().IsRegular() || info.Size() != w.entry.Size {
		return list, false, nil // whether it is in the way, store.Create says
	}
	if list, err = p.hashHere(ctx, name, info); err != nil || list.ID() != w.entry.ID {
		return list, false, ctx.Err()
	}
	p.out.Note("%s is here already", printableName(p.to.path(name)))
	p.out.Event("done", doneEvent{Name: w.entry.Name, Path: p.to.path(name), ID: w.entry.ID, Size: w.entry.Size, Kept: w.entry.Size})
	p.Meter.Transfer(w.entry.ID.String(), w.entry.Name, w.entry.Size).Done()
	return list, true, nil
}

func (p placer) hashHere(ctx context.Context, name string, info fs.FileInfo) (content.ChunkList, error) {
	bar := p.out.Bar("hash "+printableName(p.to.path(name)), info.Size())
	bar.Start()
	list, err := store.HashFile(ctx, p.to.path(name), nil, bar.Add)
	bar.Finish(err)
	return list, err
}

// account opens the books of one file for the load log.
func (p placer) account(to transfer.Sink, entry store.Entry, kept int64) *load.Transfer {
	t := p.Meter.Transfer(entry.ID.String(), entry.Name, entry.Size)
	t.Have(kept)
	t.ChunkMap(to.List().Len(), func() []byte { return to.Have().Bytes() })
	return t
}

// doneEvent tells programs of a file that is whole and in its place.
type doneEvent struct {
	Name    string     `json:"name"`
	Path    string     `json:"path"`
	ID      content.ID `json:"id"`
	Size    int64      `json:"size"`
	Kept    int64      `json:"kept_bytes"` // there already
	Seconds float64    `json:"seconds"`
}

func (p placer) done(w wish, path string, kept int64, took time.Duration) {
	p.out.Event("done", doneEvent{w.entry.Name, path, w.entry.ID, w.entry.Size, kept, took.Seconds()})
	rate := float64(w.entry.Size-kept) / max(took.Seconds(), 1e-9)
	p.out.Note("%s  %s in %s, %s/s", printableName(path), units.Bytes(w.entry.Size), units.Duration(took), units.Bytes(int64(rate)))
}
