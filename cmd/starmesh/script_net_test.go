package main

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// bridges counts those that were made, for their names.
var bridges atomic.Int64

// machines N [apart]: makes N machines on a bridge, each with the address
// 10.77.0.NUMBER and a default route; those but the first are apart if they reach
// nobody but the first.
func machines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: machines N [apart]")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	tag := fmt.Sprintf("sb%d-%d-", os.Getpid(), bridges.Add(1))
	ts.Setenv("MACHINES", tag)
	ip := ipCommand(ts)
	hub := tag + "0"
	addMachine(ts, hub)
	ip("-n %s link add bridge up type bridge", hub)
	for i := 1; i <= count; i++ {
		name := machine(ts, strconv.Itoa(i))
		addMachine(ts, name)
		ip("-n %s link add cable%d up type veth peer name eth0 netns %s", hub, i, name)
		ip("-n %s link set cable%d master bridge", hub, i)
		if len(args) > 1 && i > 1 {
			ip("-n %s link set cable%d type bridge_slave isolated on", hub, i)
		}
		ip("-n %s addr add 10.77.0.%d/24 dev eth0", name, i)
		ip("-n %s link set eth0 up", name)
		ip("-n %s route add default via 10.77.0.254", name)
	}
}

// ipCommand is ip(8), which must not fail.
func ipCommand(ts *testscript.TestScript) func(format string, a ...any) {
	return func(format string, a ...any) {
		line := fmt.Sprintf(format, a...)
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			ts.Fatalf("ip %s: %s", line, out)
		}
	}
}

// addMachine makes a namespace, until the script ends.
func addMachine(ts *testscript.TestScript, name string) {
	ip := ipCommand(ts)
	ip("netns add %s", name)
	ts.Defer(func() { _ = exec.Command("ip", "netns", "del", name).Run() }) // or it stays
	ip("-n %s link set lo up", name)
}

// six N: gives the first N machines the addresses fd77::NUMBER.
func six(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: six N")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	for i := 1; i <= count; i++ {
		ipCommand(ts)("-n %s addr add fd77::%d/64 dev eth0 nodad", machine(ts, strconv.Itoa(i)), i)
	}
}

// behind ROUTER NUMBER: makes a machine, with the address 192.168.9.2, that reaches
// the others through a machine that there is: that translates addresses, and lets
// nothing in.
func behind(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: behind ROUTER NUMBER")
	}
	ip, router, name := ipCommand(ts), machine(ts, args[0]), machine(ts, args[1])
	addMachine(ts, name)
	ip("-n %s link add eth0 type veth peer name inside netns %s", name, router)
	ip("-n %s addr add 192.168.9.2/24 dev eth0", name)
	ip("-n %s link set eth0 up", name)
	ip("-n %s addr add 192.168.9.1/24 dev inside", router)
	ip("-n %s link set inside up", router)
	ip("-n %s route add default via 192.168.9.1", name)
	rules := exec.Command("ip", "netns", "exec", router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward && nft -f -")
	rules.Stdin = strings.NewReader(`
table ip nat {
	chain out { type nat hook postrouting priority 100; oifname "eth0" masquerade; }
}
table ip filter {
	chain through { type filter hook forward priority 0; policy drop; iifname "inside" accept; ct state established,related accept; }
}`)
	if out, err := rules.CombinedOutput(); err != nil {
		ts.Fatalf("no router: %s", out)
	}
}

// machine is the namespace of the machine of that number.
func machine(ts *testscript.TestScript, number string) string { return ts.Getenv("MACHINES") + number }

// startat NUMBER NAME COMMAND ARG...: start, on a machine, with a home of its own.
func startAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: startat NUMBER NAME COMMAND ARG...")
	}
	home := ts.MkAbs(".home/" + args[0])
	start(ts, false, append([]string{args[1], "ip", "netns", "exec", machine(ts, args[0]), "env", "XDG_CACHE_HOME=" + home}, args[2:]...))
}

// sent NUMBER LEAST MOST: how many bytes have left a machine since the last time
// that this was asked, as its kernel says.
func sent(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sent NUMBER LEAST MOST")
	}
	name := machine(ts, args[0])
	out, err := exec.Command("ip", "netns", "exec", name, "cat", "/sys/class/net/eth0/statistics/tx_bytes").Output()
	ts.Check(err)
	all, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	ts.Check(err)
	before, _ := strconv.ParseInt(ts.Getenv("SENT"+args[0]), 10, 64) // at first nothing
	ts.Setenv("SENT"+args[0], strconv.FormatInt(all, 10))
	least, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	most, err := strconv.ParseInt(args[2], 10, 64)
	ts.Check(err)
	if got := all - before; got < least || got > most {
		ts.Fatalf("%d bytes have left machine %s, not %d to %d", got, args[0], least, most)
	}
}
