package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/store/storetest"
)

// childEnv tells the test binary to be a process of its own: what to do, and
// in which folder.
const (
	childEnv  = "STARMESH_STORE_TEST_CHILD"
	childSize = 150*content.MinChunk + 33
)

// child writes a file, saying on stdout what it has written; then it finishes
// it, or holds it until it is killed.
func child() {
	what, dir, _ := strings.Cut(os.Getenv(childEnv), ":")
	if err := childWork(what, dir); err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
}

func childWork(what, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	data := storetest.Content(childSize)
	list, err := content.Hash(context.Background(), bytes.NewReader(data), childSize, nil)
	if err != nil {
		return err
	}
	if what == "limit" {
		if err := limitFiles(); err != nil {
			return err
		}
	}
	p, err := store.Create(root, "f", list, store.Options{})
	if err != nil {
		return err
	}
	fmt.Println("open", p.Have().Count())
	if what == "hold" {
		io.Copy(io.Discard, os.Stdin)
		return nil
	}
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() {
			for _, i := range rand.Perm(list.Len()) {
				if err := p.WriteChunk(i, storetest.Chunk(list, data, i)); err != nil {
					fmt.Println("error", err)
				}
				fmt.Println("wrote", i)
			}
		})
	}
	group.Wait()
	if err := p.Finish(); err != nil {
		return err
	}
	fmt.Println("finished")
	return nil
}

// start runs the test binary as a child in dir.
func start(t *testing.T, what, dir string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+what+":"+dir)
	cmd.Stderr = os.Stderr
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// A process that writes is killed again and again at moments of no choice.
// Whatever it said it wrote is there afterwards, and whatever the state claims
// is right.
func TestKill9AtAnyMoment(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills many processes: not with -short")
	}
	data := storetest.Content(childSize)
	list := storetest.List(t, data)
	root, dir := folder(t)
	renamed, lost := 0, 0
	const times = 24
	for range times {
		after := rand.IntN(2 * list.Len())
		if rand.IntN(3) == 0 {
			after = 3*list.Len() + 1 // all it says before it finishes
		}
		said := killAfter(t, dir, after, time.Duration(rand.IntN(12_000))*time.Microsecond)
		if _, err := os.Stat(dir + "/f"); err == nil {
			wantContent(t, dir+"/f", data)
			renamed++
		}
		p, err := store.Create(root, "f", list, store.Options{Progress: func(int64) { t.Error("verified again") }})
		if errors.Is(err, fault.Exists) { // killed after the very end
			os.Remove(dir + "/f")
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		checkClaims(t, p, said)
		lost += p.Have().Minus(said).Count()
		if p.Have().Full() || rand.IntN(4) == 0 {
			err = p.Discard()
			os.Remove(dir + "/f")
		} else {
			err = p.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("killed %d times, %d of them after the renaming; %d chunks were written and not yet said to be", times, renamed, lost)
}

// killAfter lets a child write, kills it some time after it said n things, and
// returns what it said it wrote.
func killAfter(t *testing.T, dir string, n int, later time.Duration) content.Set {
	t.Helper()
	cmd, out := start(t, "write", dir)
	said := content.NewSet(content.ChunkCount(childSize))
	for out.Scan() {
		word, rest, _ := strings.Cut(out.Text(), " ")
		switch word {
		case "wrote":
			i, err := strconv.Atoi(rest)
			if err != nil {
				t.Fatal(err)
			}
			said.Add(i)
		case "error":
			t.Fatal(rest)
		}
		if n--; n == 0 {
			time.Sleep(later)  // a moment of no choice
			cmd.Process.Kill() // and read on: what it said before it died counts
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	return said
}

// checkClaims reads all that p says it holds, which is at least what was said.
func checkClaims(t *testing.T, p *store.Part, said content.Set) {
	t.Helper()
	list, have := p.Chunks(), p.Have()
	if missing := said.Minus(have); !missing.Empty() {
		t.Errorf("%d chunks were written and are lost", missing.Count())
	}
	for i := range have.All() {
		b := make([]byte, list.ChunkLen(i))
		if err := p.ReadChunk(i, b); err != nil {
			t.Errorf("chunk %d: %v", i, err)
		} else if err := list.Verify(i, b); err != nil {
			t.Errorf("the state claims chunk %d: %v", i, err)
		}
	}
}

func TestASecondProcessIsToldWhoHasTheFile(t *testing.T) {
	root, dir := folder(t)
	list := storetest.List(t, storetest.Content(childSize))
	cmd, out := start(t, "hold", dir)
	if !out.Scan() || out.Text() != "open 0" {
		t.Fatal(out.Text(), out.Err())
	}
	_, err := store.Create(root, "f", list, store.Options{Force: true})
	want := fmt.Sprintf("f is being written by another process (pid %d)", cmd.Process.Pid)
	if !errors.Is(err, fault.InUse) || err.Error() != want {
		t.Errorf("%v, not %q", err, want)
	}
	if saved, ok := store.Saved(root, "f"); !ok || saved.ID() != list.ID() {
		t.Error("the list can not be read meanwhile")
	}
	cmd.Process.Kill()
	cmd.Wait()
	create(t, root, "f", list, store.Options{}) // the lock went with the process
}

// Of many processes that begin at the same moment exactly one gets the file.
func TestManyProcessesBeginAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("starts many processes: not with -short")
	}
	for range 3 {
		_, dir := folder(t)
		var outs []*bufio.Scanner
		for range 6 {
			_, out := start(t, "hold", dir)
			outs = append(outs, out)
		}
		won := 0
		for _, out := range outs {
			if !out.Scan() {
				t.Fatal("a child said nothing")
			}
			if strings.HasPrefix(out.Text(), "open") {
				won++
			} else if !strings.Contains(out.Text(), "another process") {
				t.Error(out.Text())
			}
		}
		if won != 1 {
			t.Errorf("%d processes have the file", won)
		}
	}
}
