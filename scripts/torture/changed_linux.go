package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// changes are the ways in which a file changes under the hands of who sends
// it. Each leaves the old version or the new one under the name, or nothing.
var changes = []string{"append", "truncate", "overwrite", "rename over", "delete", "touch", "folder", "link"}

// change does one to the file; it returns what is there afterwards, nil for
// nothing that can be sent.
func (r *round) change(way string, content []byte, elem ...string) ([]byte, error) {
	name := r.path(elem...)
	r.logf("change %s: %s", name, way)
	r.count("files changed", 1)
	other := r.bytes(int64(len(content)))
	switch way {
	case "append":
		more := r.bytes(70_000)
		return append(bytes.Clone(content), more...), appendTo(name, more)
	case "truncate":
		half := len(content) / 2
		return content[:half], os.Truncate(name, int64(half))
	case "overwrite":
		f, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		_, err = f.WriteAt(other, 0)
		return other, errors.Join(err, f.Close())
	case "rename over":
		return other, errors.Join(os.WriteFile(r.path("other"), other, 0o644), os.Rename(r.path("other"), name))
	case "delete":
		return nil, os.Remove(name)
	case "touch":
		now := time.Now()
		return content, os.Chtimes(name, now, now)
	case "folder":
		return nil, errors.Join(os.Remove(name), os.Mkdir(name, 0o755))
	case "link":
		return nil, errors.Join(os.Remove(name), os.Symlink("/etc/hostname", name))
	}
	return nil, fmt.Errorf("unknown change %q", way)
}

func appendTo(name string, p []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(p)
	return errors.Join(err, f.Close())
}

func changed() []scenario {
	const checks = "a file is appended to, cut, overwritten, replaced, deleted, touched, made a folder or a link in the middle of a get: the old version, the new one, or a clear end"
	const folderChecks = "up to six files of a folder change in the middle: each is the old version, the new one, or named as missing; a later get brings the new ones"
	return []scenario{
		{"changed-get", checks, 5 * time.Second, time.Minute, nil, changedGet},
		{"changed-put", checks, 5 * time.Second, time.Minute, nil, changedPut},
		{"changed-mesh", checks, 5 * time.Second, time.Minute, nil, changedMesh},
		{"changed-get-folder", folderChecks, 5 * time.Second, time.Minute, nil, changedGetFolder},
		{"changed-mesh-folder", folderChecks, 8 * time.Second, time.Minute, nil, changedMeshFolder},
	}
}

// oneOf says whether the file that came is one of the versions, if one came.
func oneOf(name string, versions ...[]byte) error {
	got, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, v := range versions {
		if v != nil && err == nil && bytes.Equal(got, v) {
			return nil
		}
	}
	return errors.Join(err, fmt.Errorf("WRONG FILE %s: %d bytes, no version that ever was", name, len(got)))
}

// ends waits for a client's end: it succeeds, or says in one line why not.
// What only seems to have changed must succeed.
func (r *round) ends(c *node, way, out string) error {
	status, err := c.wait(30 * time.Second)
	if err != nil {
		return err
	}
	_, missing := os.Stat(out)
	switch {
	case status != 0 && way == "touch":
		return fmt.Errorf("touched only, and %s fails: %s", c.name, c.last().complaint())
	case status != 0 && c.last().complaint() == "":
		return fmt.Errorf("%s: exit status %d without a word", c.name, status)
	case status == 0 && missing != nil:
		return fmt.Errorf("%s succeeded: %w", c.name, missing)
	}
	return nil
}

func changedGet(r *round) error {
	way := pick(r, changes...)
	old := r.bytes(1<<20 + r.rng.Int64N(3<<20))
	if err := r.write(old, "from", "file"); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"), "--up", rateFor(int64(len(old)), 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.get(at, false, r.path("to"))
	r.pause(0, 1200*time.Millisecond)
	now, err := r.change(way, old, "from", "file")
	errs := []error{err, r.ends(c, way, r.path("to", "file")), oneOf(r.path("to", "file"), old, now)}

	// Whatever came of it, from now on the new version is what one gets.
	c = r.start("later", "central", "get", at.Address, "file", "--force", "--output", r.path("later")+"/", "--retry-for", "20s", "--json", loadLog)
	errs = append(errs, r.ends(c, way, r.path("later", "file")), oneOf(r.path("later", "file"), now))
	if now != nil && c.ended() && c.last().err != nil {
		errs = append(errs, fmt.Errorf("after %q the new version cannot be fetched: %s", way, c.last().complaint()))
	}
	return errors.Join(append(errs, s.stop())...)
}

func changedPut(r *round) error {
	way := pick(r, changes...)
	old := r.bytes(1<<20 + r.rng.Int64N(3<<20))
	if err := errors.Join(r.write(old, "from", "file"), r.write(nil, "to", "marker")); err != nil {
		return err
	}
	s, at, err := r.serve(r.path("to"), "--writable", "--down", rateFor(int64(len(old)), 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.start("client", "central", "put", at.Address, r.path("from", "file"), "--json", loadLog)
	r.pause(0, 1200*time.Millisecond)
	now, err := r.change(way, old, "from", "file")
	return errors.Join(err, r.ends(c, way, r.path("to", "file")), oneOf(r.path("to", "file"), old, now), s.stop())
}

func changedMesh(r *round) error {
	way := pick(r, changes...)
	old := r.bytes(1<<20 + r.rng.Int64N(3<<20))
	if err := r.write(old, "from", "file"); err != nil {
		return err
	}
	o, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", rateFor(int64(len(old)), 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.receiver("to", ticket.Ticket, "--retry-for", "5s")
	r.pause(0, 1200*time.Millisecond)
	_, err = r.change(way, old, "from", "file")
	// The ticket stands for the old version; what replaces it has another.
	err = errors.Join(err, r.ends(c, way, r.path("to", "file")), oneOf(r.path("to", "file"), old))
	if o.ended() && o.last().complaint() != "" {
		return err // nothing is left that it could share, and it says so
	}
	return errors.Join(err, o.stop())
}

// changeSome changes up to six files of a folder, one after the other, and returns
// which versions there have been of every file.
func (r *round) changeSome(elem ...string) (map[string][][]byte, error) {
	versions, names := map[string][][]byte{}, []string{}
	err := eachFile(r.path(elem...), func(name string) error {
		old, err := os.ReadFile(r.path(append(elem, name)...))
		versions[name], names = [][]byte{old}, append(names, name)
		return err
	})
	for _, i := range r.rng.Perm(len(names))[:r.upTo(6)] {
		r.pause(0, 400*time.Millisecond)
		now, failed := r.change(pick(r, changes...), versions[names[i]][0], append(elem, names[i])...)
		versions[names[i]], err = append(versions[names[i]], now), errors.Join(err, failed)
	}
	return versions, err
}

// cameAs says whether every file that came is a version there has been, and
// whether the client has ended with all that did not change, or a reason.
func (r *round) cameAs(c *node, out string, versions map[string][][]byte) error {
	status, err := c.wait(30 * time.Second)
	if err != nil {
		return err
	}
	if status != 0 && c.last().complaint() == "" {
		return fmt.Errorf("%s: exit status %d without a word", c.name, status)
	}
	var errs []error
	for name, all := range versions {
		at := filepath.Join(out, name)
		errs = append(errs, oneOf(at, all...))
		if _, missing := os.Stat(at); missing != nil && len(all) == 1 && status == 0 {
			errs = append(errs, fmt.Errorf("%s succeeded: %w", c.name, missing))
		}
	}
	return errors.Join(errs...)
}

func changedGetFolder(r *round) error {
	size, err := r.files(true, "from")
	if err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"), "--up", rateFor(size, 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.get(at, true, r.path("to"))
	versions, err := r.changeSome("from")
	err = errors.Join(err, r.cameAs(c, r.path("to"), versions))

	// Whatever came of it, from now on the new versions are what one gets.
	later := r.get(at, true, r.path("to"), "--force", "--retry-for", "20s")
	return errors.Join(err, later.succeeds(30*time.Second), noneWrong(r.path("from"), r.path("to")), noneMissing(r.path("from"), r.path("to")), s.stop())
}

func changedMeshFolder(r *round) error {
	size, err := r.files(true, "from", "all")
	if err != nil {
		return err
	}
	o, ticket, err := r.share(nil, loopback(), r.path("from", "all"), "--up", rateFor(size, 1500*time.Millisecond))
	if err != nil {
		return err
	}
	c := r.receiver("to", ticket.Ticket, "--retry-for", "5s")
	versions, err := r.changeSome("from", "all")
	for name, all := range versions {
		versions[name] = all[:1] // the ticket stands for the old ones, and brings them or fails
	}
	return errors.Join(err, r.cameAs(c, r.path("to", "all"), versions), o.stop())
}
