package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// clockBuilt says why clocks cannot jump: nothing outside of a process can make one
// of Go's jump, so the program has to be built for it.
func clockBuilt(house) string {
	if os.Getenv("TORTURE_CLOCK") == "" {
		return "the program is not built with a clock that jumps: CLOCKS=1"
	}
	return ""
}

// bentClock is a command of the program whose clock is wrong by off, and may be set
// otherwise. The file system's stays right.
type bentClock struct {
	file string
	argv []string
}

func (r *round) bentClock(name string, off time.Duration, args ...string) (bentClock, error) {
	b := bentClock{file: r.path(name + ".clock")}
	b.argv = append([]string{"env", "BENT_CLOCK=" + b.file, os.Getenv("TORTURE_CLOCK")}, args...)
	return b, b.set(off)
}

func (b bentClock) set(off time.Duration) error {
	f, err := os.OpenFile(b.file, os.O_RDWR|os.O_CREATE, 0o644) // in place: the program looks at it all the time
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(off/time.Second)), 0)
	return errors.Join(err, f.Close())
}

// jumps has one of two sides whose clock is wrong, or becomes so while they work.
func jumps(r *round) error {
	const year = 365 * 24 * time.Hour
	off := pick(r, time.Hour, -time.Hour, 10*year, -10*year)
	how, wrong, atOnce := pick(r, "star", "put", "http", "mesh", "get"), r.rng.IntN(2), r.rng.IntN(2) == 0
	r.logf("%s: side %d is %s off, from the start: %v", how, wrong, off, atOnce)
	if err := r.write(r.bytes(3<<20), "from", "file"); err != nil {
		return err
	}
	var first [2]time.Duration
	if atOnce {
		first[wrong] = off
	}
	giver, err := r.bentClock("giver", first[0], r.givesTo(how)...)
	if err != nil {
		return err
	}
	s := r.startIn(nil, nil, "giver", giver.argv...)
	taking, err := r.takesFrom(s, how)
	if err != nil {
		return err
	}
	taker, err := r.bentClock("taker", first[1], append(taking, "--retry-for", "10s", "--json")...)
	if err != nil {
		return err
	}
	c := r.startIn(nil, nil, "taker", taker.argv...)
	if !atOnce {
		r.sleep(1500 * time.Millisecond)
		if err := []bentClock{giver, taker}[wrong].set(off); err != nil {
			return err
		}
	}
	apart := isMesh(how) && atOnce && off.Abs() > time.Hour
	return errors.Join(r.judgeJump(c, how, apart), s.stop())
}

func isMesh(how string) bool { return how == "mesh" || how == "get" }

// givesTo is the command line, without the program, that serves the file.
func (r *round) givesTo(how string) []string {
	if isMesh(how) {
		return []string{"peer", "serve", r.path("from", "file"), "--no-mdns", "--up", "8mbit", "--json", loadLog}
	}
	return []string{"central", "serve", r.path("from"), "--writable", "--listen", freePort(), "--http", freePort(),
		"--down", "8mbit", "--up", "8mbit", "--json", loadLog}
}

// takesFrom is the command line, without the program, that gets or puts the file.
func (r *round) takesFrom(s *node, how string) ([]string, error) {
	ready := "listening"
	if isMesh(how) {
		ready = "ticket"
	}
	at, err := s.event(ready)
	to := []string{"--output", r.path("got")}
	switch how {
	case "star":
		return append([]string{"central", "get", at.Address + "/file", loadLog}, to...), err
	case "put":
		return []string{"central", "put", at.Address, r.path("from", "file"), "--as", "got"}, err
	case "http":
		return append([]string{"get", at.HTTP + "file", "--no-mdns", loadLog}, to...), err
	case "mesh":
		return append([]string{"peer", "get", at.Ticket, "--no-mdns", loadLog}, to...), err
	}
	return append([]string{"get", at.Ticket, "--no-mdns", loadLog}, to...), err
}

// judgeJump looks at what came of it: the file and times that can be, or, where two
// certificates are of different times, words about that.
func (r *round) judgeJump(c *node, how string, apart bool) error {
	if apart {
		status, err := c.wait(40 * time.Second)
		if said := c.last().complaint(); err == nil && (status != 1 || !strings.Contains(said, "clocks")) {
			err = fmt.Errorf("%s: exit status %d: %s", c.name, status, said)
		}
		return err
	}
	if err := c.succeeds(30 * time.Second); err != nil {
		return err
	}
	got := r.path("got")
	if how == "put" {
		got = r.path("from", "got")
	}
	want, err1 := os.ReadFile(r.path("from", "file"))
	have, err2 := os.ReadFile(got)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(want, have) {
		return errors.New("another file has come")
	}
	if how == "put" {
		return nil
	}
	return r.timesAreTrue()
}

// timesAreTrue has the load logs compared.
func (r *round) timesAreTrue() error {
	logs, err := filepath.Glob(r.path("*.jsonl"))
	if err != nil {
		return err
	}
	out, err := exec.Command(r.bin, append([]string{"compare", "--json"}, logs...)...).CombinedOutput()
	if err == nil && (strings.Contains(string(out), `seconds":-`) || strings.Contains(string(out), `_s":-`)) {
		err = errors.New("times before the start")
	}
	if err != nil {
		err = fmt.Errorf("compare: %w: %s", err, out)
	}
	return err
}
