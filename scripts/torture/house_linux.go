package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideKey marks the process that runs in the house.
const insideKey = "STARMESH_TORTURE_INSIDE"

// house is where the rounds run: namespaces of their own for network, mounts
// and processes, where the kernel grants them. Nothing that happens there is
// seen outside, and nothing outlives it.
type house struct {
	closed string // why there is none; empty inside
	tmpfs  bool   // files of rounds lie in memory, which counts as their writers'
}

// enter runs this program again inside of a house and returns its end, or
// calls inside when this is that process. Without the right to namespaces
// inside runs where it is, and what needs them is skipped.
func enter(inside func(house) error) error {
	if os.Getenv(insideKey) != "" {
		return inside(house{closed: furnish()})
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideKey+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = namespaces()
	runtime.LockOSThread() // Pdeathsig is about the thread
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return inside(house{closed: fmt.Sprintf("no namespaces: %v", err)})
	}
	asks := make(chan os.Signal, 1)
	signal.Notify(asks, os.Interrupt, syscall.SIGTERM)
	go func() {
		for range asks {
			_ = cmd.Process.Signal(syscall.SIGTERM) // it ends by itself else
		}
	}()
	var exit *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &exit) {
		return errTold
	} else if err != nil {
		return err
	}
	return nil
}

// namespaces asks for what a house needs; who is not root becomes root of a
// user namespace first.
func namespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// furnish brings up the loopback and a /proc of the new processes; it returns
// what did not work.
func furnish() string {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Sprintf("mounts stay shared: %v", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Sprintf("mount /proc: %v", err)
	}
	if out, err := exec.Command("ip", "link", "set", "lo", "up").CombinedOutput(); err != nil {
		return fmt.Sprintf("ip link set lo up: %v %s", err, out)
	}
	return ""
}

// namespaced is a scenario's need for a house.
func namespaced(h house) string { return h.closed }

// island is a network of its own, held by a process that does nothing.
type island struct {
	name   string
	holder *node
}

// island makes one, with a loopback.
func (r *round) island(name string) (*island, error) {
	n := r.startIn(nil, &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET}, name, "sleep", "infinity")
	i := &island{name, n}
	return i, i.run("ip", "link", "set", "lo", "up")
}

// within is the command line that runs another one in there.
func (i *island) within(argv ...string) []string {
	if i == nil {
		return argv
	}
	return append([]string{"nsenter", "--net=/proc/" + strconv.Itoa(i.holder.pid()) + "/ns/net", "--"}, argv...)
}

func (i *island) run(argv ...string) error { return command(i.within(argv...)...) }

func command(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", argv, err, out)
	}
	return nil
}

// bridge lays a cable between two islands, which get the addresses.
func bridge(a, b *island, addrA, addrB string) error {
	cable := []string{"ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", strconv.Itoa(b.holder.pid())}
	if err := a.run(cable...); err != nil {
		return err
	}
	for i, addr := range map[*island]string{a: addrA, b: addrB} {
		if err := errors.Join(i.run("ip", "addr", "add", addr, "dev", "cable"), i.run("ip", "link", "set", "cable", "up")); err != nil {
			return err
		}
	}
	return nil
}

// islands makes some in one sea, 10.77.0.0/24: the first is 10.77.0.1.
func (r *round) islands(n int) (all []*island, err error) {
	sea, err := r.island("sea")
	if err != nil {
		return nil, err
	}
	err = sea.run("ip", "link", "add", "sea", "up", "type", "bridge")
	for i := 0; i < n && err == nil; i++ {
		one, end := (*island)(nil), fmt.Sprintf("to-%d", i)
		if one, err = r.island(fmt.Sprintf("island-%d", i)); err != nil {
			break
		}
		err = errors.Join(
			one.run("ip", "link", "add", "cable", "up", "type", "veth", "peer", "name", end, "netns", strconv.Itoa(sea.holder.pid())),
			one.run("ip", "addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", "cable"),
			sea.run("ip", "link", "set", end, "master", "sea", "up"))
		all = append(all, one)
	}
	return all, err
}

// dial connects from inside of the island.
func (i *island) dial(addr string) (net.Conn, error) {
	if i == nil {
		return net.Dial("tcp", addr)
	}
	type result struct {
		conn net.Conn
		err  error
	}
	c := make(chan result)
	go func() {
		// A socket belongs to the network its thread is in; the thread is never
		// unlocked, and ends with this goroutine.
		runtime.LockOSThread()
		ns, err := os.Open("/proc/" + strconv.Itoa(i.holder.pid()) + "/ns/net")
		if err == nil {
			err = unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET)
			_ = ns.Close() // it was only read
		}
		if err != nil {
			c <- result{nil, err}
			return
		}
		conn, err := net.Dial("tcp", addr)
		c <- result{conn, err}
	}()
	got := <-c
	return got.conn, got.err
}
