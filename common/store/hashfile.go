package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
)

// HashFile returns the chunk list of the file at path, from the cache if it
// knows it as it is now; otherwise it reads the file, tells progress (which may
// be nil) of the bytes, from several goroutines at once, and remembers the
// list. It fails with fault.Changed when the file changed meanwhile,
// fault.NotFound, fault.Refused (no permission), fault.Invalid for what is no
// regular file, and ctx's error. That the cache can not be written to is no
// failure.
func HashFile(ctx context.Context, path string, cache *Cache, progress func(n int64)) (content.ChunkList, error) {
	info, err := os.Stat(path)
	if err != nil {
		return content.ChunkList{}, explain(err, path)
	}
	if err := mustBeRegular(info, path); err != nil { // before opening: a pipe would wait for a writer
		return content.ChunkList{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return content.ChunkList{}, explain(err, path)
	}
	defer f.Close()
	key, err := filepath.Abs(path)
	if err != nil {
		return content.ChunkList{}, explain(err, path)
	}
	h, err := hashOpen(ctx, f, key, cache, progress)
	return h.list, err
}

func mustBeRegular(info fs.FileInfo, name string) error {
	if !info.Mode().IsRegular() {
		return fault.Wrapf(fault.Invalid, "%s is %s; only regular files can be hashed and served", name, kindOf(info))
	}
	return nil
}

// hashed is a file's chunk list, with what the file looked like all the while.
type hashed struct {
	list  content.ChunkList
	info  fs.FileInfo
	saved bool // the cache has it
}

// hashOpen hashes the open file f, whose absolute path is path, unless the
// cache knows it.
func hashOpen(ctx context.Context, f *os.File, path string, cache *Cache, progress func(n int64)) (hashed, error) {
	start := time.Now()
	info, err := f.Stat()
	if err != nil {
		return hashed{}, explain(err, path)
	}
	if err := mustBeRegular(info, path); err != nil {
		return hashed{}, err
	}
	stamp := StampOf(info)
	if list, ok := cache.Lookup(path, stamp); ok {
		return hashed{list: list, info: info, saved: true}, nil
	}
	list, err := content.Hash(ctx, f, stamp.Size, progress)
	if err != nil {
		return hashed{}, hashFailed(ctx, err, path)
	}
	if after, err := f.Stat(); err != nil || StampOf(after) != stamp {
		return hashed{}, fault.Wrapf(fault.Changed, "%s changed while it was hashed", path)
	}
	h := hashed{list: list, info: info}
	if cache != nil && !isRacy(stamp, start) {
		h.saved = cache.Remember(path, stamp, list) == nil // a full disk must not keep a file from being served
	}
	return h, nil
}

func hashFailed(ctx context.Context, err error, path string) error {
	if ctx.Err() != nil {
		return err
	}
	if errors.Is(err, fault.Changed) {
		return fault.Wrapf(fault.Changed, "%s changed while it was hashed: %w", path, err)
	}
	return explain(err, path)
}
