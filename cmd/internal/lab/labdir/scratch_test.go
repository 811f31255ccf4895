package labdir_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/fault"
)

// holder has the test program hold the folder of that lab until it is killed.
const holder = "STARMESH_TEST_HOLDER"

func TestMain(m *testing.M) {
	lab := os.Getenv(holder)
	if lab == "" {
		os.Exit(m.Run())
	}
	if _, err := labdir.TakeScratch(lab, os.Getenv(holder+"_KEEP") != ""); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// hold starts a process that holds a lab's folder; kill ends it as kill -9
// does.
func hold(t *testing.T, lab string, more ...string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(append(os.Environ(), holder+"="+lab), more...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	}
	t.Cleanup(func() {
		stdin.Close()
		kill()
	})
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "held\n" {
		t.Fatalf("it says %q, %v", line, err)
	}
	return kill
}

// write makes files of a hundred bytes each.
func writeFile(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, make([]byte, 100), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// left lists the files in a folder.
func left(t *testing.T, dir string) string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			name, _ := filepath.Rel(dir, path)
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(names, " ")
}

func TestAFolderIsGoneWhenItsLabHasEnded(t *testing.T) {
	lab := filepath.Join(t.TempDir(), "results", "lab")
	f, err := labdir.TakeScratch(lab, false)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.Path(labdir.ScratchFile), filepath.Join(f.Path(labdir.ScratchCache), "x"))
	if labdir.LookAtScratch(lab) != labdir.Held {
		t.Error("nobody seems to hold it")
	}
	if err := f.Leave(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(lab, labdir.ScratchName)); !errors.Is(err, os.ErrNotExist) || labdir.LookAtScratch(lab) != labdir.Absent {
		t.Errorf("%v; there is %q", err, left(t, lab))
	}
}

func TestFilesThatTheUserWantsStay(t *testing.T) {
	lab := t.TempDir()
	f, err := labdir.TakeScratch(lab, true)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, f.Path(labdir.ScratchFile))
	if err := f.Leave(); err != nil {
		t.Fatal(err)
	}
	if got := left(t, lab); got != "work/random.bin" || labdir.LookAtScratch(lab) != labdir.Absent {
		t.Errorf("left: %q", got)
	}
	if n, err := labdir.ClearScratch(lab); n != 0 || err != nil || left(t, lab) != "work/random.bin" {
		t.Errorf("%d bytes removed, %v", n, err)
	}
}

func TestTwoLabsDoNotShareAFolder(t *testing.T) {
	lab := t.TempDir()
	kill := hold(t, lab)
	_, err := labdir.TakeScratch(lab, false)
	if !errors.Is(err, fault.InUse) || !strings.Contains(err.Error(), "is in use by a lab that runs (process ") {
		t.Errorf("taken: %v", err)
	}
	writeFile(t, filepath.Join(lab, "work", labdir.ScratchFile))
	if n, err := labdir.ClearScratch(lab); n != 0 || err != nil || left(t, lab) != "work/lock work/random.bin" {
		t.Errorf("%d bytes of a lab that runs are removed, %v: %q", n, err, left(t, lab))
	}
	if labdir.LookAtScratch(lab) != labdir.Held {
		t.Error("nobody seems to hold it")
	}
	kill()
	f, err := labdir.TakeScratch(lab, false)
	if err != nil {
		t.Fatalf("its holder is gone: %v", err)
	}
	if got := left(t, lab); got != "work/lock" {
		t.Errorf("the next begins with %q", got)
	}
	if err := f.Leave(); err != nil {
		t.Error(err)
	}
}

func TestWhatAKilledLabHasLeftIsRemovedAndNothingElse(t *testing.T) {
	lab, elsewhere := t.TempDir(), t.TempDir()
	kill := hold(t, lab)
	writeFile(t, filepath.Join(elsewhere, "precious"),
		filepath.Join(lab, "work", labdir.ScratchFile), filepath.Join(lab, "work", labdir.ScratchCache, "a", "b"),
		filepath.Join(lab, "work", "notes of the user"),
		filepath.Join(lab, "runs", "star-1-1", labdir.ReceivedDir, "client-1", "random.bin"),
		filepath.Join(lab, "runs", "mesh-1-1", labdir.OriginKey), filepath.Join(lab, "runs", "mesh-1-1", "origin.jsonl"),
		filepath.Join(lab, labdir.ReceivedDir), filepath.Join(lab, "lab.json"))
	_ = os.Symlink(elsewhere, filepath.Join(lab, "runs", "mesh-1-1", labdir.ReceivedDir)) // not everywhere
	_ = os.Symlink(elsewhere, filepath.Join(lab, "runs", "elsewhere"))
	writeFile(t, filepath.Join(elsewhere, labdir.OriginKey))
	kill()
	if labdir.LookAtScratch(lab) != labdir.Left {
		t.Error("it is not seen that the lab was killed")
	}
	n, err := labdir.ClearScratch(lab)
	if err != nil || n != 400 {
		t.Errorf("%d bytes removed, %v", n, err)
	}
	if _, err := os.Lstat(filepath.Join(lab, "runs", "mesh-1-1", labdir.ReceivedDir)); err == nil {
		t.Error("a link in the place of the copies stays")
	}
	if got := left(t, elsewhere); got != "origin.key precious" {
		t.Errorf("elsewhere is left: %q", got)
	}
	_ = os.Remove(filepath.Join(lab, "runs", "elsewhere"))
	if got := left(t, lab); got != "lab.json received runs/mesh-1-1/origin.jsonl work/notes of the user" {
		t.Errorf("left: %q", got)
	}
	if n, err := labdir.ClearScratch(lab); n != 0 || err != nil {
		t.Errorf("again: %d bytes, %v", n, err)
	}
}

func TestAKilledLabOfWhichTheUserWantsTheFilesKeepsThem(t *testing.T) {
	lab := t.TempDir()
	hold(t, lab, holder+"_KEEP=1")()
	writeFile(t, filepath.Join(lab, "work", labdir.ScratchFile), filepath.Join(lab, "runs", "star-1-1", labdir.ReceivedDir, "client-1", "random.bin"))
	n, err := labdir.ClearScratch(lab)
	if got := left(t, lab); n != 0 || err != nil || got != "runs/star-1-1/received/client-1/random.bin work/random.bin" {
		t.Errorf("%d bytes removed, %v; left: %q", n, err, got)
	}
}

func TestAFolderThatIsNoLabsIsLeftAlone(t *testing.T) {
	for name, lock := range map[string]string{"empty": "", "of something else": `{"format":"x"}`, "broken": "{"} {
		lab := t.TempDir()
		writeFile(t, filepath.Join(lab, "work", labdir.ScratchFile))
		if err := os.WriteFile(filepath.Join(lab, "work", "lock"), []byte(lock), 0o666); err != nil {
			t.Fatal(err)
		}
		if n, err := labdir.ClearScratch(lab); n != 0 || err != nil || left(t, lab) != "work/lock work/random.bin" || labdir.LookAtScratch(lab) != labdir.Absent {
			t.Errorf("%s: %d bytes removed, %v; left: %q", name, n, err, left(t, lab))
		}
	}
	if n, err := labdir.ClearScratch(filepath.Join(t.TempDir(), "nowhere")); n != 0 || err != nil {
		t.Errorf("nowhere: %d, %v", n, err)
	}
}

func TestTemporaryFoldersOfKilledProcessesGoWithTheNext(t *testing.T) {
	temp := t.TempDir()
	for _, name := range []string{"TMPDIR", "TMP", "TEMP"} {
		t.Setenv(name, temp)
	}
	killed, running := filepath.Join(temp, "lab-a"), filepath.Join(temp, "lab-b")
	kill := hold(t, killed)
	hold(t, running)
	writeFile(t, filepath.Join(killed, "runs", "x"), filepath.Join(temp, "lab-c", "work", "lock"), filepath.Join(temp, "lab-d"))
	kill()
	dir, leave, err := labdir.TemporaryDir("lab-")
	if err != nil || filepath.Dir(dir) != temp {
		t.Fatalf("%s, %v", dir, err)
	}
	const others = "lab-b/work/lock lab-c/work/lock lab-d"
	writeFile(t, filepath.Join(dir, "x"))
	if got := left(t, temp); got != strings.ReplaceAll("X/work/lock X/x "+others, "X", filepath.Base(dir)) {
		t.Errorf("there is %q", got)
	}
	if labdir.LookAtScratch(dir) != labdir.Held {
		t.Error("nobody holds it")
	}
	if err := leave(); err != nil || left(t, temp) != others {
		t.Errorf("%v; there is %q", err, left(t, temp))
	}
}
