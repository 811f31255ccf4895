package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// wrong is a way in which nodes do wrong beside honest ones.
type wrong struct {
	name  string
	nodes int
	what  string
}

// wrongs are all there are: those of the program's own flag --misbehave, and
// those of foreign nodes.
func wrongs() []wrong {
	return append([]wrong{
		{"free-ride", 2, "take and give nothing"},
		{"lie", 2, "give wrong bytes"},
		{"mix", 2, "each in another one of these ways, drawn from the seed"},
	}, foreignTraits...)
}

// measured is what a transfer among honest nodes took.
type measured struct {
	time time.Duration
	cpu  float64 // seconds, of the origin
}

// beyond says what of it is over the bound that alone sets.
func (m measured) beyond(alone measured) error {
	switch {
	case m.time > alone.time*3/2+2*time.Second:
		return fmt.Errorf("the honest took %.1f s, alone %.1f", m.time.Seconds(), alone.time.Seconds())
	case m.cpu > 2*alone.cpu+0.5:
		return fmt.Errorf("the origin took %.1f s of CPU, alone %.1f", m.cpu, alone.cpu)
	}
	return nil
}

// hostile has honest receivers fetch a file by themselves, and then beside
// others that do wrong in one way.
func hostile(r *round) error {
	w := pick(r, wrongs()...)
	var places places
	alone, err := r.honest(&places, "alone", wrong{})
	if err != nil {
		return err
	}
	beside, err := r.honest(&places, "beside", w)
	if err != nil {
		return fmt.Errorf("beside %d that %s: %w", w.nodes, w.what, err)
	}
	r.logf("alone %.2f s, beside %d that %s %.2f s", alone.time.Seconds(), w.nodes, w.what, beside.time.Seconds())
	if err := beside.beyond(alone); err != nil && !r.untimed {
		return fmt.Errorf("beside %d that %s: %w", w.nodes, w.what, err)
	}
	return nil
}

// hostileTable does all of them, one after the other, and prints what they cost
// the honest.
func hostileTable(c config, h house) error {
	var rows []string
	over := 0
	s := scenario{"hostile", "", 0, 15 * time.Minute, nil, func(r *round) error {
		var places places
		alone, err := r.honest(&places, "alone", wrong{})
		if err != nil {
			return err
		}
		rows = append(rows, fmt.Sprintf("nobody\t-\t%.1f\t1\t%.2f\t1\t", alone.time.Seconds(), alone.cpu))
		for _, w := range wrongs() {
			m, err := r.honest(&places, w.name, w)
			verdict := ""
			if err = errors.Join(err, m.beyond(alone)); err != nil {
				verdict, over = "OVER: "+err.Error(), over+1
			}
			rows = append(rows, fmt.Sprintf("%s: %s\t%d\t%.1f\t%.2f\t%.2f\t%.2f\t%s", w.name, w.what, w.nodes,
				m.time.Seconds(), m.time.Seconds()/alone.time.Seconds(), m.cpu, m.cpu/alone.cpu, verdict))
			r.logf("%s", rows[len(rows)-1])
		}
		return nil
	}}
	o := s.play(c, h, 1)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "beside four honest receivers\tnodes\tseconds\t÷ alone\torigin's CPU s\t÷ alone\t")
	for _, row := range rows {
		fmt.Fprintln(t, row)
	}
	err := errors.Join(o.err, t.Flush())
	if err == nil && over > 0 {
		err = fmt.Errorf("%d rows are over 1.5 × the time alone + 2 s, or 2 × the CPU + 0.5 s", over)
	}
	return err
}

// places are where the honest and the others are: two islands, where there can
// be any.
type places struct {
	ours, theirs *island
	listen       string
}

func (p *places) furnish(r *round) error {
	if p.listen != "" {
		return nil
	}
	p.listen = loopback()
	if err := r.write(r.bytes(4<<20), "from", "file"); err != nil || r.home.closed != "" {
		return err
	}
	var errs [2]error
	p.ours, errs[0] = r.island("ours")
	p.theirs, errs[1] = r.island("theirs")
	p.listen = "/ip4/10.78.0.1/tcp/4001"
	return errors.Join(errs[0], errs[1], bridge(p.ours, p.theirs, "10.78.0.1/24", "10.78.0.2/24"))
}

// honest returns what it takes four honest receivers beside others that do
// wrong.
func (r *round) honest(at *places, name string, w wrong) (m measured, err error) {
	if err := at.furnish(r); err != nil {
		return m, err
	}
	o, ticket, err := r.share(at.ours, at.listen, r.path("from", "file"), "--up", "20mbit")
	if err != nil {
		return m, err
	}
	bad := r.others(at, name, ticket.Ticket, w)
	r.count("hostile nodes", w.nodes)
	r.sleep(200 * time.Millisecond) // what the handshakes cost is in the log
	before, _ := o.last().carried() // none yet: nothing was used
	begin := time.Now()
	var honest []*node
	for i := range 4 {
		honest = append(honest, r.getter(at.ours, fmt.Sprintf("%s-%d", name, i), ticket.Ticket))
	}
	err = r.allDone(honest...)
	m.time = time.Since(begin)
	for _, n := range bad {
		n.kill()
	}
	for _, n := range append(honest, o) {
		err = errors.Join(err, n.stop())
	}
	rec, failed := o.last().carried()
	m.cpu = rec.CPU - before.CPU
	return m, errors.Join(err, failed)
}

// others starts those who do wrong, and waits for foreign ones to have come.
func (r *round) others(at *places, name, ticket string, w wrong) (bad []*node) {
	switch w.name {
	case "":
	case "mix":
		ways := slices.DeleteFunc(wrongs(), func(other wrong) bool { return other.name == w.name })
		for _, i := range r.rng.Perm(len(ways))[:w.nodes] {
			ways[i].nodes = 1
			bad = append(bad, r.others(at, name+"-"+ways[i].name, ticket, ways[i])...)
		}
	case "free-ride", "lie":
		for i := range w.nodes {
			bad = append(bad, r.getter(at.theirs, fmt.Sprintf("%s-bad-%d", name, i), ticket, "--misbehave", w.name))
		}
	default:
		n := r.startIn(at.theirs, nil, name+"-bad", abroad(w.name, ticket, r.path("from", "file"), w.nodes)...)
		if _, err := n.event("come"); err != nil {
			r.logf("%s: %v", n.name, err) // the honest will be done all the sooner
		}
		bad = append(bad, n)
	}
	return bad
}

func (r *round) getter(where *island, name, ticket string, flags ...string) *node {
	return r.startIn(where, nil, name, append([]string{r.bin, "peer", "get", ticket, "--output", r.path(name) + "/",
		"--stay", "forever", "--up", "20mbit", "--no-mdns", "--json", loadLog}, flags...)...)
}
