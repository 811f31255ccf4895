// Package beside writes what is put beside a file on a web server, so that others
// can fetch and verify it from there: a sidecar, for this program, and a torrent,
// for programs that speak BitTorrent.
package beside

import (
	"bytes"
	"context"
	"crypto/sha1"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"

	"starmesh/cmd/internal/fileerr"
	"starmesh/common/atomicfile"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
)

// Writer writes what belongs beside files.
type Writer struct {
	Sidecar bool
	Ticket  string // goes into the sidecar; "": none
	Torrent string // the address of the file, for its torrent; "": no torrent
	Cache   *store.Cache
}

// Wanted reports whether anything is to be written.
func (w *Writer) Wanted() bool { return w.Sidecar || w.Torrent != "" }

// Check refuses what cannot be written, before anything is read.
func (w *Writer) Check() error {
	if w.Ticket != "" && !w.Sidecar {
		return fault.Wrapf(fault.Invalid, "a ticket goes into a sidecar, but none is to be written")
	}
	if w.Torrent == "" {
		return nil
	}
	u, err := url.Parse(w.Torrent)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return fault.Wrapf(fault.Invalid, "a torrent needs the address of the file on a web server: http://host/FILE or https://host/FILE, without a password")
	}
	return nil
}

// Write writes what is wanted beside the file called name, and returns the names
// of what it wrote.
func (w *Writer) Write(ctx context.Context, name string) (written []string, err error) {
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = fault.Wrapf(fault.Invalid, "it is no regular file")
	}
	if err != nil {
		return nil, fileerr.Named(name, err)
	}
	for _, one := range []struct {
		wanted bool
		suffix string
		make   func(context.Context, string, int64) ([]byte, error)
	}{
		{w.Sidecar, content.SidecarSuffix, w.sidecar}, {w.Torrent != "", ".torrent", w.torrent},
	} {
		if !one.wanted {
			continue
		}
		b, err := one.make(ctx, name, info.Size())
		if err != nil {
			return written, fileerr.Named(name, err)
		}
		err = atomicfile.Write(name+one.suffix, atomicfile.Options{Perm: 0o666}, func(to io.Writer) error {
			_, err := to.Write(b)
			return err
		})
		if err != nil {
			return written, fileerr.Named(name+one.suffix, err)
		}
		written = append(written, name+one.suffix)
	}
	return written, nil
}

func (w *Writer) sidecar(ctx context.Context, name string, _ int64) ([]byte, error) {
	list, err := store.HashFile(ctx, name, w.Cache, nil)
	if err != nil {
		return nil, err
	}
	return content.Sidecar{List: list, Ticket: w.Ticket}.Encode()
}

// torrent makes a metainfo file (BEP 3) of one file with one web seed (BEP 19).
// Its pieces are as long as our chunks.
func (w *Writer) torrent(ctx context.Context, name string, size int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	piece := int64(content.ChunkSize(size))
	var pieces bytes.Buffer
	for left := size; left > 0; left -= piece {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sum := sha1.New()
		if _, err := io.CopyN(sum, f, min(piece, left)); err != nil {
			return nil, fault.Wrapf(fault.Changed, "it became shorter while it was read: %w", err)
		}
		pieces.Write(sum.Sum(nil))
	}
	base := filepath.Base(name)
	return fmt.Appendf(nil, "d4:infod6:lengthi%de4:name%d:%s12:piece lengthi%de6:pieces%d:%se8:url-list%d:%se",
		size, len(base), base, piece, pieces.Len(), pieces.Bytes(), len(w.Torrent), w.Torrent), nil
}
