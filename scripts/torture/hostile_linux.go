package main

import (
	"errors"
	"fmt"
	"time"
)

// traits are the ways in which a node of the program can do wrong on purpose
// (its flag --misbehave).
var traits = []string{"free-ride", "lie"}

// hostile has honest receivers fetch a file by themselves, and then beside
// others with one of the traits.
func hostile(r *round) error {
	if err := r.write(r.bytes(4<<20), "from", "file"); err != nil {
		return err
	}
	trait := pick(r, traits...)
	alone, err := r.honest("alone", 0, trait)
	if err != nil {
		return err
	}
	beside, err := r.honest("beside", 2, trait)
	if err != nil {
		return err
	}
	r.logf("alone %.2f s, beside two that %s %.2f s", alone.Seconds(), trait, beside.Seconds())
	if limit := alone*3/2 + 2*time.Second; beside > limit {
		return fmt.Errorf("beside two of six that %s the honest took %.1f s, alone %.1f", trait, beside.Seconds(), alone.Seconds())
	}
	return nil
}

// honest returns how long four honest receivers take beside so many others.
func (r *round) honest(name string, others int, trait string) (time.Duration, error) {
	o, ticket, err := r.share(nil, loopback(), r.path("from", "file"), "--up", "20mbit")
	if err != nil {
		return 0, err
	}
	var bad []*node
	for i := range others {
		bad = append(bad, r.receiver(fmt.Sprintf("%s-bad-%d", name, i), ticket.Ticket, "--misbehave", trait, "--stay", "forever", "--up", "20mbit"))
	}
	r.count("hostile nodes", others)
	begin := time.Now()
	var honest []*node
	for i := range 4 {
		honest = append(honest, r.receiver(fmt.Sprintf("%s-%d", name, i), ticket.Ticket, "--stay", "forever", "--up", "20mbit"))
	}
	err = r.allDone(honest...)
	took := time.Since(begin)
	for _, n := range bad {
		n.kill()
	}
	for _, n := range append(honest, o) {
		err = errors.Join(err, n.stop())
	}
	return took, err
}
