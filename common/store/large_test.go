package store_test

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/store"
)

// A file of 400 GB opens at once: nothing of its data is read. The disk is not
// large enough for the file, so it is sparse, and the state's bits are set by
// hand.
func TestAFileOf400GBResumesWithinASecond(t *testing.T) {
	const size = 400_000_000_000
	cvs := make([]byte, content.ChunkCount(size)*content.CVSize)
	for i := 0; i < len(cvs); i += 8 {
		binary.BigEndian.PutUint64(cvs[i:], uint64(i)*0x9e3779b97f4a7c15)
	}
	list, err := content.NewChunkList(size, cvs)
	if err != nil {
		t.Fatal(err)
	}
	root, dir := folder(t)
	opt := store.Options{Sparse: true, Progress: func(int64) { t.Error("data was read") }}
	p, err := store.Create(root, "f", list, opt)
	if err != nil {
		if strings.Contains(err.Error(), "larger than its file system") {
			t.Skip("no file of 400 GB, not even a sparse one, fits here:", err)
		}
		t.Fatal(err)
	}
	p.Kill()
	claim(t, dir, list, list.Len()/2)
	start := time.Now()
	saved, ok := store.Saved(root, "f")
	if !ok {
		t.Fatal("no list is saved")
	}
	p = create(t, root, "f", saved, opt)
	took := time.Since(start)
	if p.Have().Count() != list.Len()/2 || p.Resumed() != int64(list.Len()/2)*content.MaxChunk {
		t.Errorf("%d chunks, %d bytes", p.Have().Count(), p.Resumed())
	}
	if took > time.Second && !slow {
		t.Errorf("it took %s", took)
	}
	t.Logf("%d chunks; opened and resumed in %s", list.Len(), took)
}

// claim makes a state say that the first n chunks are written.
func claim(t *testing.T, dir string, list content.ChunkList, n int) {
	t.Helper()
	set := content.NewSet(list.Len())
	for i := range n {
		set.Add(i)
	}
	f, err := os.OpenFile(dir+"/f.part.state", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(append(set.Bytes(), set.Bytes()...), store.WrittenAt(list)); err != nil {
		t.Fatal(err)
	}
}
