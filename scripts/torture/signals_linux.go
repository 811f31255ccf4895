package main

import (
	"errors"
	"fmt"
	"syscall"
	"time"
)

// signals are what those send who mean no harm: a terminal, a supervisor, a
// laptop that sleeps.
var signals = []syscall.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGSTOP, syscall.SIGWINCH, syscall.SIGCHLD, syscall.SIGURG,
}

func signalled() []scenario {
	const checks = "INT, TERM, HUP end a node in good order and in time, STOP and CONT, WINCH and others change nothing: the right file in the end"
	return []scenario{
		{"signals-star", checks, 6 * time.Second, 90 * time.Second, nil, signalsStar},
		{"signals-mesh", checks, 6 * time.Second, 90 * time.Second, nil, signalsMesh},
		{"frozen", "a receiver is stopped in the middle (SIGSTOP, a closed lid): another is done as soon as without it, + 2 s; the first when it goes on",
			12 * time.Second, 100 * time.Second, nil, frozen},
	}
}

// disturb sends signals to nodes at random moments and starts again who was
// asked to end.
func (r *round) disturb(times int, nodes ...*node) error {
	var errs []error
	for range times {
		r.pause(0, 700*time.Millisecond)
		n, sig := pick(r, nodes...), pick(r, signals...)
		rest := time.Duration(r.rng.IntN(1500)) * time.Millisecond
		if n.ended() {
			continue
		}
		n.settle()
		n.signal(sig)
		r.count("signals", 1)
		switch sig {
		case syscall.SIGSTOP:
			r.sleep(rest)
			n.signal(syscall.SIGCONT)
		case syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP:
			if status, err := n.wait(15 * time.Second); err != nil || status < 0 {
				errs = append(errs, fmt.Errorf("%v to %s: not ended in good order: %v %v", sig, n.name, n.last().err, err))
				n.kill()
			}
			n.again()
		}
	}
	return errors.Join(errs...)
}

func signalsStar(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	s, at, err := r.serve(r.path("from"), "--grace", "2s", "--up", rateFor(size, 2*time.Second))
	if err != nil {
		return err
	}
	c := r.get(at, false, r.path("to"))
	return errors.Join(
		r.disturb(3+r.rng.IntN(6), s, c),
		c.succeeds(30*time.Second),
		same(r.path("from"), r.path("to")),
		s.stop(),
	)
}

func signalsMesh(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	o, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", rateFor(size, 2*time.Second))
	if err != nil {
		return err
	}
	a, b := r.receiver("a", ticket.Ticket), r.receiver("b", ticket.Ticket)
	return errors.Join(
		r.disturb(3+r.rng.IntN(6), o, a, b),
		a.succeeds(40*time.Second), b.succeeds(40*time.Second),
		same(r.path("from"), r.path("a")), same(r.path("from"), r.path("b")),
		o.stop(),
	)
}

// frozen stops one receiver of a mesh, or of a server, in the middle.
func frozen(r *round) error {
	size, err := r.files(false, "from")
	if err != nil {
		return err
	}
	var o *node
	var start func(name string) *node
	if rate := rateFor(size, time.Second); r.perhaps() {
		n, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", rate)
		if err != nil {
			return err
		}
		o, start = n, func(name string) *node { return r.receiver(name, ticket.Ticket) }
	} else {
		n, at, err := r.serve(r.path("from"), "--up", rate)
		if err != nil {
			return err
		}
		o, start = n, func(name string) *node {
			return r.start(name, "central", "get", at.Address, "file", "--output", r.path(name)+"/", "--json", loadLog)
		}
	}
	first := start("first")
	r.pause(100*time.Millisecond, 800*time.Millisecond)
	first.signal(syscall.SIGSTOP)
	r.count("signals", 1)
	r.sleep(200 * time.Millisecond)
	begin := time.Now()
	second := start("second")
	err = second.succeeds(60 * time.Second)
	took := time.Since(begin)
	if err == nil {
		err = r.late("beside a frozen neighbour the second", took, 1500*time.Millisecond+2*time.Second)
	}
	first.signal(syscall.SIGCONT)
	return errors.Join(err, first.succeeds(20*time.Second),
		same(r.path("from"), r.path("first")), same(r.path("from"), r.path("second")), o.stop())
}
