package store_test

import (
	"bytes"
	"os"
	"sync/atomic"
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// otherBoot makes a state look as if it was left before the machine's last
// start.
func otherBoot(t *testing.T, dir string) {
	t.Helper()
	f, err := os.OpenFile(dir+"/f.part.state", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0xee}, 32), store.AtBoot); err != nil {
		t.Fatal(err)
	}
}

// spoil flips a bit of chunk i, as a power cut does that keeps the state's
// bit and loses the data.
func spoil(t *testing.T, dir string, list content.ChunkList, i int) {
	t.Helper()
	f, err := os.OpenFile(dir+"/f.part", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(make([]byte, list.ChunkLen(i)), list.Offset(i)); err != nil {
		t.Fatal(err)
	}
}

func TestPowerCutCostsOnlyWhatWasNotSynced(t *testing.T) {
	root, dir := folder(t)
	data := storetest.Content(20 * content.MinChunk)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	p.SyncEvery(4 * content.MinChunk)
	for i := range 10 {
		put(t, p, data, i) // 0 to 7 are synced on the way
	}
	p.Kill()
	spoil(t, dir, list, 9)
	otherBoot(t, dir)
	var verified atomic.Int64
	p = create(t, root, "f", list, store.Options{Progress: func(n int64) { verified.Add(n) }})
	if have := p.Have(); have.Count() != 9 || have.Has(9) {
		t.Errorf("%d chunks held, the lost one too: %v", have.Count(), have.Has(9))
	}
	if verified.Load() != 2*content.MinChunk {
		t.Errorf("%d bytes were verified, not those of two chunks", verified.Load())
	}
	p.Kill()
	p = create(t, root, "f", list, store.Options{Progress: func(int64) { t.Error("verified again in the same boot") }})
	put(t, p, data, 15)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	otherBoot(t, dir)
	p = create(t, root, "f", list, store.Options{Progress: func(int64) { t.Error("verified what Close has synced") }})
	if p.Have().Count() != 10 {
		t.Errorf("%d chunks", p.Have().Count())
	}
}

// In the same boot the kernel still has what a killed process wrote.
func TestKillCostsNothingThatWasWritten(t *testing.T) {
	if !store.HasBootID() {
		t.Skip("this system does not tell when it was started")
	}
	root, dir := folder(t)
	data := storetest.Content(20 * content.MinChunk)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	for i := range 13 {
		put(t, p, data, i)
	}
	p.Kill()
	spoil(t, dir, list, 3) // to show that nothing is read
	p = create(t, root, "f", list, store.Options{Progress: func(int64) { t.Error("something was verified") }})
	if p.Have().Count() != 13 {
		t.Errorf("%d chunks", p.Have().Count())
	}
}

// After the disk has failed to confirm, nothing is promised any more, and the
// next opening verifies.
func TestADiskThatDoesNotConfirm(t *testing.T) {
	root, _ := folder(t)
	data := storetest.Content(8 * content.MinChunk)
	list := storetest.List(t, data)
	p := create(t, root, "f", list, store.Options{})
	for i := range 8 {
		put(t, p, data, i)
	}
	p.BreakDisk()
	if err := p.Finish(); err == nil {
		t.Error("finished on a broken disk")
	}
	if err := p.Finish(); err == nil {
		t.Error("finished at the second try")
	}
	if err := p.Close(); err == nil {
		t.Error("closed without a word")
	}
	var verified atomic.Int64
	p = create(t, root, "f", list, store.Options{Progress: func(n int64) { verified.Add(n) }})
	if verified.Load() != list.Size() {
		t.Errorf("%d bytes were verified", verified.Load())
	}
	if err := p.Finish(); err != nil {
		t.Error(err)
	}
}
