package worker

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/units"
	"starmesh/common/readable"
)

// How a link is measured: for so long, of which the beginning does not count, in
// which TCP finds its pace and a shaper lets through what it has saved.
const (
	flowTime  = 2 * time.Second
	flowStart = flowTime / 4
	flowOnce  = 4 // flows out of one node at the same time
	rounds    = 3 // each between other nodes
)

// source opens a door until the request ends: who comes and says the word is sent
// bytes, for flowTime.
func (w *Worker) source(rw http.ResponseWriter, r *http.Request) {
	w.door(rw, r, flowOnce, func(conn net.Conn, word string) {
		said := make([]byte, len(word))
		_ = conn.SetDeadline(time.Now().Add(reachTime))
		if _, err := io.ReadFull(conn, said); err != nil || subtle.ConstantTimeCompare(said, []byte(word)) == 0 {
			return
		}
		block := make([]byte, 64<<10)
		_, _ = rand.Read(block) // it never fails
		_ = conn.SetDeadline(time.Now().Add(flowTime))
		for {
			if _, err := conn.Write(block); err != nil {
				return // the time is over, or who came is gone
			}
		}
	})
}

// flow takes what a source sends, and answers with its rate in bytes per second.
func (w *Worker) flow(r *http.Request) (any, error) {
	var from Door
	if err := read(r.Body, &from); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), reachTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", reachedFrom(r, from.Address))
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(r.Context(), func() { _ = conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, from.Word); err != nil {
		return nil, err
	}
	block := make([]byte, 64<<10)
	taken := func(until time.Time) (n int64) {
		_ = conn.SetReadDeadline(until)
		for {
			k, err := conn.Read(block)
			if n += int64(k); err != nil {
				return n
			}
		}
	}
	began := time.Now()
	taken(began.Add(flowStart))
	counted := time.Now()
	bytes := taken(began.Add(flowTime * 9 / 10)) // before the source ends
	return float64(bytes) / time.Since(counted).Seconds(), nil
}

// A Measured is what was seen of a rate, in bytes per second; zero: nothing was.
type Measured struct{ Least, Most float64 }

func (m *Measured) saw(rate float64) {
	if m.Most == 0 || rate < m.Least {
		m.Least = rate
	}
	m.Most = max(m.Most, rate)
}

func (m Measured) String() string {
	if m.Most == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%s (%s at the least)", units.Rate(m.Most), units.Rate(m.Least))
}

// A Link is what was measured of a node's.
type Link struct{ Up, Down Measured }

// MeasureLinks measures the links of nodes with flows from each to another, all
// at the same time, some rounds of them. What a flow carries is what both its
// ends can: the most of several is taken for the link.
func (c *Crew) MeasureLinks(ctx context.Context, nodes []Remote) error {
	if len(nodes) < 2 {
		return nil // there is nobody to measure with
	}
	measured := make([]Link, len(nodes))
	ctx, shut := context.WithCancel(ctx)
	defer shut()
	sources := c.doors(ctx, nodes, "/source") // nothing is measured of one that did not open
	for round := range rounds {
		from := func(i int) int { return (i + 1 + round%(len(nodes)-1)) % len(nodes) }
		rates := make([]float64, len(nodes))
		flowing := new(errgroup.Group)
		for i, m := range nodes {
			flowing.Go(func() error {
				if m.ask(ctx, http.MethodPost, "/flow", sources[from(i)], &rates[i]) != nil {
					rates[i] = 0 // it does not reach the other
				}
				return nil
			})
		}
		_ = flowing.Wait() // there is no error
		for i, rate := range rates {
			if rate > 0 {
				measured[i].Down.saw(rate)
				measured[from(i)].Up.saw(rate)
			}
		}
	}
	c.links = make(map[string]Link)
	for i, m := range nodes {
		c.links[m.Name] = measured[i]
		c.seen.Note("%s: up %s, down %s", m.Name, measured[i].Up, measured[i].Down)
		if measured[i].Up.Most == 0 {
			c.seen.Warn("%s: how fast it sends is not known, for no other reaches it: bounds take it for unlimited. Give it by --up and --down", m.Name)
		}
	}
	return ctx.Err()
}

// Measured says what was measured of links, after a colon; "" if nothing.
func (c *Crew) Measured() string {
	var all []string
	for _, name := range c.Names() {
		if link, ok := c.links[name]; ok {
			all = append(all, fmt.Sprintf("%s up %s, down %s", name, link.Up, link.Down))
		}
	}
	if all == nil {
		return ""
	}
	return ", measured before: " + readable.List(all, 20)
}

// Link implements runner.Place.
func (p *Place) Link() scenario.Rate {
	return scenario.Rate{Up: p.link.Up.Most, Down: p.link.Down.Most}
}
