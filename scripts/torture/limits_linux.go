package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

func limits() []scenario {
	return []scenario{
		{"disk-full", "a disk fills up under a get, a put, a load log: a clear end, nothing wrong; with room it goes on where it stopped",
			4 * time.Second, time.Minute, namespaced, diskFull},
		{"descriptors", "few descriptors (ulimit -n), all taken: clear refusals, no crash; well again when they are back",
			5 * time.Second, time.Minute, nil, descriptors},
		{"memory", "32 MiB of memory (a control group) for each server, client and peer of a 24 MiB file: nobody is killed",
			8 * time.Second, time.Minute, grouped, memory},
		{"clock", "three years of uptime (a time namespace), odd file times, all stopped for 12 s; the wall clock is everyone's and stays as it is",
			18 * time.Second, time.Minute, nil, clock},
		{"jumps", "one side's wall clock is an hour or ten years off, from the start or from the middle on: all goes on, times stay true; in a mesh ten years are told",
			6 * time.Second, time.Minute, clockBuilt, jumps},
	}
}

// tmpfs mounts a small disk.
func (r *round) tmpfs(size string, elem ...string) (string, error) {
	dir := r.path(elem...)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size)
	}
	if err == nil {
		r.undo = append(r.undo, func() error { return unix.Unmount(dir, unix.MNT_DETACH) })
	}
	return dir, err
}

func diskFull(r *round) error {
	if err := r.write(r.bytes(4<<20), "from", "file"); err != nil {
		return err
	}
	disk, err := r.tmpfs(strconv.Itoa(1+r.rng.IntN(3))+"m", "disk")
	if err != nil {
		return err
	}
	var keeper, c *node // who goes on whatever happens, and who runs out of room
	got := disk
	switch pick(r, "get", "put", "mesh", "log") {
	case "get":
		s, at, err := r.serve(r.path("from"))
		if err != nil {
			return err
		}
		keeper, c = s, r.get(at, false, disk)
	case "put":
		s, at, err := r.serve(disk, "--writable")
		if err != nil {
			return err
		}
		keeper, c = s, r.start("client", "central", "put", at.Address, r.path("from", "file"), "--json", loadLog)
	case "mesh":
		o, ticket, err := r.share(nil, loopback(), r.path("from", "file"))
		if err != nil {
			return err
		}
		keeper, c = o, r.start("client", "peer", "get", ticket.Ticket, "--output", disk+"/", "--no-mdns", "--json", loadLog)
	default:
		if err := r.write(r.bytes(4<<20), "disk", "ballast"); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("the small disk is not full: %v", err)
		}
		s, at, err := r.serve(r.path("from"))
		if err != nil {
			return err
		}
		got = r.path("to")
		keeper, c = s, r.start("client", "central", "get", at.Address, "file", "--output", got+"/", "--json",
			"--load-log", filepath.Join(disk, "client.jsonl"), "--load-interval", "10ms")
		status, err := c.wait(20 * time.Second)
		if err == nil && status != 0 && !strings.Contains(c.last().complaint(), "space") {
			err = fmt.Errorf("without room for its log: exit status %d, %q", status, c.last().complaint())
		}
		return errors.Join(err, same(r.path("from"), got), s.stop())
	}
	return errors.Join(r.outOfRoom(c, disk), same(r.path("from"), got), keeper.stop())
}

// outOfRoom waits until the client has said that the disk is full, makes it
// larger, and has the client go on.
func (r *round) outOfRoom(c *node, disk string) error {
	status, err := c.wait(20 * time.Second)
	if err != nil {
		return err
	}
	r.count("full disks", 1)
	words := c.last().complaint()
	if status != 1 || !strings.Contains(words, "space") && !strings.Contains(words, "room") && !strings.Contains(words, "full") {
		return fmt.Errorf("on a full disk: exit status %d, %q", status, words)
	}
	if _, err := os.Stat(filepath.Join(disk, "file")); !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("on a full disk, under the final name: %v", err)
	}
	if err := unix.Mount("", disk, "", unix.MS_REMOUNT, "size=32m"); err != nil {
		return err
	}
	c.again()
	return c.succeeds(20 * time.Second)
}

// descriptors has a server with few of them, and more callers than that.
func descriptors(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	port := freePort()
	few := "-n " + strconv.Itoa(24+r.rng.IntN(60))
	argv := []string{r.bin, "central", "serve", r.path("from"), "--listen", port, "--json", loadLog}
	if r.perhaps() {
		argv = []string{r.bin, "peer", "serve", r.path("from", "file"), "--listen", multiaddr(port), "--no-mdns", "--json", loadLog}
	}
	s := r.startIn(nil, nil, "server", limited(few, argv...)...)
	ready := map[string]string{"central": "listening", "peer": "ticket"}[argv[1]]
	at, err := s.event(ready)
	if err != nil {
		if few := s.last().complaint(); s.ended() && strings.Contains(few, "too many open files") {
			return nil // it says so and does not begin
		}
		return err
	}
	var idle []net.Conn
	for range 200 {
		if c, err := net.DialTimeout("tcp", port, time.Second); err == nil {
			idle = append(idle, c)
		}
	}
	r.count("connections to those without descriptors", len(idle))
	r.pause(0, time.Second)
	for _, c := range idle {
		_ = c.Close() // nothing was sent
	}
	var c *node
	if at.Ticket != "" {
		c = r.receiver("to", at.Ticket)
	} else {
		c = r.start("client", "central", "get", at.Address, "file", "--output", r.path("to")+"/", "--retry-for", "20s", "--json", loadLog)
	}
	return errors.Join(c.succeeds(30*time.Second), same(r.path("from"), r.path("to")), keptAll(c, size, 0, 0), s.stop())
}

// multiaddr writes host:port as a mesh does.
func multiaddr(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return "/ip4/" + host + "/tcp/" + port
}

// memoryGroups is where control groups for memory are made: version 1 or 2.
func memoryGroups() (dir, limit string) {
	if text, err := os.ReadFile("/sys/fs/cgroup/cgroup.subtree_control"); err == nil && bytes.Contains(text, []byte("memory")) {
		return "/sys/fs/cgroup", "memory.max"
	}
	return "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
}

// grouped is the need for such a group.
func grouped(h house) string {
	if h.tmpfs {
		return "its files would lie in memory; give another folder with --dir"
	}
	dir, _ := memoryGroups()
	if err := unix.Access(dir, unix.W_OK); err != nil || os.Geteuid() != 0 {
		return "no control groups for memory: " + dir
	}
	return ""
}

// within32M is the command line that runs another one in a group of its own.
func (r *round) within32M(name string, argv ...string) ([]string, error) {
	dir, limit := memoryGroups()
	group := filepath.Join(dir, fmt.Sprintf("starmesh-torture-%d-%s-%s", r.seed, r.name, name))
	if err := os.Mkdir(group, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	r.undo = append(r.undo, func() error { return os.Remove(group) })
	err := os.WriteFile(filepath.Join(group, limit), []byte("33554432"), 0o644)
	return append([]string{"bash", "-c", "echo $$ >" + group + `/cgroup.procs && GOMEMLIMIT=24MiB exec "$@"`, "bash"}, argv...), err
}

func memory(r *round) error {
	if err := r.write(r.bytes(24<<20), "from", "file"); err != nil {
		return err
	}
	var errs []error
	start := func(name string, args ...string) *node {
		argv, err := r.within32M(name, append([]string{r.bin}, args...)...)
		errs = append(errs, err)
		return r.startIn(nil, nil, name, argv...)
	}
	s := start("server", "central", "serve", r.path("from"), "--listen", freePort(), "--json", loadLog)
	o := start("origin", "peer", "serve", r.path("from", "file"), "--no-mdns", "--json", loadLog)
	at, err := s.event("listening")
	ticket, err2 := o.event("ticket")
	if err := errors.Join(err, err2, errors.Join(errs...)); err != nil {
		return err
	}
	var clients []*node
	for i := range 4 {
		name := fmt.Sprintf("client-%d", i)
		clients = append(clients,
			start(name, "central", "get", at.Address, "file", "--conns", "4", "--output", r.path(name)+"/", "--json", loadLog),
			start("peer-"+name, "peer", "get", ticket.Ticket, "--output", r.path("peer-"+name)+"/", "--no-mdns", "--json", loadLog))
	}
	for _, c := range clients {
		errs = append(errs, c.succeeds(40*time.Second), same(r.path("from"), r.path(c.name)))
	}
	return errors.Join(append(errs, s.stop(), o.stop())...)
}

// oddTimes are times of files that programs stumble over.
var oddTimes = []time.Time{
	time.Unix(-1, 0), time.Unix(0, 0), time.Unix(1<<31, 0), time.Unix(1<<32, 999_999_999), time.Unix(253402300800, 0),
}

func clock(r *round) error {
	size, err := r.files(true, "from", "all")
	if err != nil {
		return err
	}
	err = eachFile(r.path("from", "all"), func(name string) error {
		at := pick(r, oddTimes...)
		return os.Chtimes(r.path("from", "all", name), at, at)
	})
	if err != nil {
		return err
	}
	rate := rateFor(size, 3*time.Second)
	s := r.startIn(nil, nil, "server", r.uptime(r.bin, "central", "serve", r.path("from", "all"), "--listen", freePort(), "--up", rate, "--json", loadLog)...)
	o := r.startIn(nil, nil, "origin", r.uptime(r.bin, "peer", "serve", r.path("from", "all"), "--no-mdns", "--up", rate, "--json", loadLog)...)
	at, err := s.event("listening")
	ticket, err2 := o.event("ticket")
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	c := r.startIn(nil, nil, "client", r.uptime(r.bin, "central", "get", at.Address, "/", "--output", r.path("client")+"/", "--json", loadLog)...)
	p := r.startIn(nil, nil, "peer", r.uptime(r.bin, "peer", "get", ticket.Ticket, "--output", r.path("peer")+"/", "--no-mdns", "--json", loadLog)...)
	r.pause(0, 2*time.Second)
	all := []*node{s, o, c, p}
	for _, n := range all {
		n.signal(syscall.SIGSTOP)
	}
	r.sleep(12 * time.Second) // longer than greetings and proofs may take
	for _, n := range all {
		n.signal(syscall.SIGCONT)
	}
	return errors.Join(c.succeeds(30*time.Second), p.succeeds(30*time.Second),
		same(r.path("from", "all"), r.path("client")), same(r.path("from", "all"), r.path("peer", "all")), s.stop(), o.stop())
}

// uptime is the command line that runs another one as if the machine had run
// for three years, where the kernel and the user's rights allow it.
func (r *round) uptime(argv ...string) []string {
	old := []string{"unshare", "--time", "--monotonic", "94608000", "--boottime", "94608000", "--"}
	if command(append(old, "true")...) != nil {
		return argv
	}
	return append(old, argv...)
}
