package store_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// smallDisk mounts a file system of 4 MiB.
func smallDisk(t *testing.T) (*os.Root, string) {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("starmesh-test", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("a small file system is needed, which only root may mount: %v", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		root.Close()
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return root, dir
}

func TestADiskThatIsTooSmallIsSaidSoAtOnce(t *testing.T) {
	root, dir := smallDisk(t)
	data := storetest.Content(6 << 20)
	_, err := store.Create(root, "f", storetest.List(t, data), store.Options{})
	if !errors.Is(err, fault.NoSpace) || !strings.Contains(err.Error(), "needs 6.0 MiB, 4.0 MiB free") {
		t.Error(err)
	}
	wantFiles(t, dir)
}

func TestADiskThatFillsUpLosesNothing(t *testing.T) {
	root, dir := smallDisk(t)
	data := storetest.Content(3 << 20)
	list := storetest.List(t, data)
	if err := os.WriteFile(dir+"/other", make([]byte, 2<<20), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Create(root, "f", list, store.Options{}); !errors.Is(err, fault.NoSpace) {
		t.Error(err)
	}
	p := create(t, root, "f", list, store.Options{Sparse: true})
	written := 0
	var full error
	for i := 0; i < list.Len() && full == nil; i++ {
		if full = p.WriteChunk(i, storetest.Chunk(list, data, i)); full == nil {
			written++
		}
	}
	if !errors.Is(full, fault.NoSpace) || !strings.Contains(full.Error(), "disk is full") {
		t.Fatal(full)
	}
	if p.Have().Count() != written || written < 10 {
		t.Errorf("%d chunks held, %d written", p.Have().Count(), written)
	}
	storedRight(t, p)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	os.Remove(dir + "/other")
	p = create(t, root, "f", list, store.Options{})
	if p.Have().Count() != written {
		t.Errorf("%d chunks after making room, not %d", p.Have().Count(), written)
	}
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
}

func storedRight(t *testing.T, p *store.Part) {
	t.Helper()
	for i := range p.Have().All() {
		b := make([]byte, p.List().ChunkLen(i))
		if err := p.ReadChunk(i, b); err != nil || p.List().Verify(i, b) != nil {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
}

// What was reserved by a Part can not be taken by others.
func TestReservedSpaceIsKept(t *testing.T) {
	root, dir := smallDisk(t)
	data := storetest.Content(3 << 20)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	os.WriteFile(dir+"/other", make([]byte, 4<<20), 0o666) // takes what is left
	for i := range list.Len() / 2 {
		put(t, p, data, i)
	}
	p.Close()
	p = create(t, root, "f", list, store.Options{}) // no room is needed to go on
	fill(t, p, data)
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
	wantContent(t, dir+"/f", data)
}

func TestAReadOnlyFileSystem(t *testing.T) {
	root, dir := smallDisk(t)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Skip("remounting:", err)
	}
	_, err := store.Create(root, "f", storetest.List(t, make([]byte, content.MinChunk)), store.Options{})
	if !errors.Is(err, fault.ReadOnly) || !strings.Contains(err.Error(), "read-only") {
		t.Error(err)
	}
}
