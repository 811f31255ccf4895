package store_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// onSmallDisks runs test on file systems of 8 MiB: one in memory, which
// reserves nothing, and one that does.
func onSmallDisks(t *testing.T, test func(t *testing.T, root *os.Root, dir string)) {
	for kind, mount := range map[string]func(t *testing.T, dir string) error{"tmpfs": mountMemory, "ext4": mountImage} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			if err := mount(t, dir); err != nil {
				t.Skipf("a small file system is needed, which only root may mount: %v", err)
			}
			t.Cleanup(func() {
				if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
					t.Error(err)
				}
			})
			os.Remove(dir + "/lost+found")
			root, err := os.OpenRoot(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			test(t, root, dir)
		})
	}
}

func mountMemory(_ *testing.T, dir string) error {
	return unix.Mount("starmesh-test", dir, "tmpfs", 0, "size=8m")
}

func mountImage(t *testing.T, dir string) error {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, make([]byte, 10<<20), 0o600); err != nil {
		return err
	}
	if out, err := exec.Command("mkfs.ext4", "-q", "-m", "0", image).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	if out, err := exec.Command("mount", "-o", "loop", image, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func TestADiskThatIsTooSmallIsSaidSoAtOnce(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, root *os.Root, dir string) {
		data := storetest.Content(20 << 20)
		_, err := store.Create(root, "f", storetest.List(t, data), store.Options{})
		if !errors.Is(err, fault.NoSpace) || !regexp.MustCompile(`^f needs 20 MiB, \d\.\d MiB free$`).MatchString(err.Error()) {
			t.Error(err)
		}
		wantFiles(t, dir)
	})
}

// Even the state of a large file does not fit.
func TestADiskWithoutRoomForTheState(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, root *os.Root, dir string) {
		const size = 2 << 40
		list, err := content.NewChunkList(size, make([]byte, content.ChunkCount(size)*content.CVSize))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Create(root, "f", list, store.Options{Sparse: true}); !errors.Is(err, fault.NoSpace) {
			t.Error(err)
		}
		wantFiles(t, dir)
	})
}

func TestADiskThatFillsUpLosesNothing(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, root *os.Root, dir string) {
		data := storetest.Content(5 << 20)
		list := storetest.List(t, data)
		if err := os.WriteFile(dir+"/other", make([]byte, 4<<20), 0o666); err != nil {
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
		if _, err := store.Create(root, "f", list, store.Options{}); !errors.Is(err, fault.NoSpace) {
			t.Error("going on without room:", err)
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
	})
}

func storedRight(t *testing.T, p *store.Part) {
	t.Helper()
	for i := range p.Have().All() {
		b := make([]byte, p.Chunks().ChunkLen(i))
		if err := p.ReadChunk(i, b); err != nil || p.Chunks().Verify(i, b) != nil {
			t.Errorf("chunk %d: %v", i, err)
		}
	}
}

// What was reserved by a Part can not be taken by others.
func TestReservedSpaceIsKept(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, root *os.Root, dir string) {
		if strings.HasSuffix(t.Name(), "tmpfs") {
			t.Skip("nothing is reserved in memory")
		}
		data := storetest.Content(5 << 20)
		list := storetest.List(t, data)
		p := create(t, root, "f", list, store.Options{})
		if err := os.WriteFile(dir+"/other", make([]byte, 8<<20), 0o666); err == nil {
			t.Error("the disk is not full")
		}
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
	})
}

func TestAReadOnlyFileSystem(t *testing.T) {
	onSmallDisks(t, func(t *testing.T, root *os.Root, dir string) {
		if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Skip("remounting:", err)
		}
		_, err := store.Create(root, "f", storetest.List(t, make([]byte, content.MinChunk)), store.Options{})
		if !errors.Is(err, fault.ReadOnly) || !strings.Contains(err.Error(), "read-only") {
			t.Error(err)
		}
	})
}
