package worker

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
)

const (
	maxReached = 1000            // addresses to try in one request
	reachTime  = 3 * time.Second // for one of them
	reachOnce  = 16              // at the same time
	maxGreeted = 64              // connections to a listener at the same time
)

// A Door is where a node listens, only to be found.
type Door struct {
	Address string `json:"address"`
	Word    string `json:"word"` // is said to whoever connects
}

// listen opens a door until the request ends.
func (w *Worker) listen(rw http.ResponseWriter, r *http.Request) { w.door(rw, r, maxGreeted, greet) }

// greet says the word to who comes to a door: whoever was not greeted has not
// reached it.
func greet(conn net.Conn, word string) {
	_ = conn.SetDeadline(time.Now().Add(reachTime))
	_, _ = fmt.Fprintln(conn, word)
}

// door listens until the request ends, and answers where. Some at a time are
// received.
func (w *Worker) door(rw http.ResponseWriter, r *http.Request, once int, receive func(conn net.Conn, word string)) {
	ln, err := net.Listen("tcp", net.JoinHostPort(listensAt(r, r.FormValue("host")), "0"))
	if err != nil {
		refuse(rw, err)
		return
	}
	door := Door{ln.Addr().String(), rand.Text()}
	answer(rw, r, func(*http.Request) (any, error) { return door, nil })
	_ = http.NewResponseController(rw).Flush()
	door.keep(r.Context(), ln, once, receive)
}

// keep receives who comes to the door, until ctx ends.
func (d Door) keep(ctx context.Context, ln net.Listener, once int, receive func(conn net.Conn, word string)) {
	stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
	defer stop()
	receiving := new(errgroup.Group)
	receiving.SetLimit(once)
	for {
		conn, err := ln.Accept()
		if err != nil {
			break
		}
		receiving.Go(func() error {
			receive(conn, d.Word)
			return conn.Close()
		})
	}
	_ = receiving.Wait() // how each ended is nobody's business
}

// reach tries doors, and answers which of them it reaches.
func (w *Worker) reach(r *http.Request) (any, error) {
	var doors []Door
	if err := read(r.Body, &doors); err != nil {
		return nil, err
	}
	if len(doors) > maxReached {
		return nil, fault.Wrapf(fault.TooLarge, "%d addresses to try are more than %d", len(doors), maxReached)
	}
	reached := make([]bool, len(doors))
	trying := new(errgroup.Group)
	trying.SetLimit(reachOnce)
	for i, door := range doors {
		trying.Go(func() error {
			door.Address = reachedFrom(r, door.Address)
			reached[i] = door.opens(r.Context())
			return nil
		})
	}
	return reached, trying.Wait()
}

// opens reports whether what listens there is that door.
func (d Door) opens(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", d.Address)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(reachTime))
	word, err := bufio.NewReaderSize(conn, 64).ReadString('\n')
	return err == nil && word == d.Word+"\n"
}

// open has a node open a door, until ctx ends.
func (m Remote) open(ctx context.Context, path string) (d Door, err error) {
	response, err := m.do(ctx, http.MethodPost, path, http.NoBody)
	if err != nil {
		return d, err
	}
	context.AfterFunc(ctx, func() { _ = response.Body.Close() })
	if err := json.NewDecoder(io.LimitReader(response.Body, maxJSON)).Decode(&d); err != nil {
		return d, fault.Wrapf(fault.Protocol, "%s: its answer cannot be read: %w", m.Name, err)
	}
	return d, nil
}

// doors has nodes open doors, until ctx ends. One that did not open leads nowhere.
func (c *Crew) doors(ctx context.Context, nodes []Remote, path string) []Door {
	path = query(path, map[string]string{"host": c.shared()})
	doors := make([]Door, len(nodes))
	each(nodes, func(i int, m Remote) { doors[i], _ = m.open(ctx, path) })
	return doors
}

// matrix returns for each node which of all it reaches, itself included, and in a
// last column, if the file comes from here, whether it reaches this machine. A
// node that does not answer reaches nobody.
func (c *Crew) matrix(ctx context.Context, nodes []Remote, fromHere bool) ([][]bool, error) {
	ctx, shut := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer shut()
	doors := c.doors(ctx, nodes, "/listen")
	if fromHere {
		ln, err := agent.Listen(ctx, "tcp", net.JoinHostPort(c.Host(), "0"))
		if err != nil {
			return nil, err
		}
		here := Door{ln.Addr().String(), rand.Text()}
		doors = append(doors, here)
		keeping.Go(func() { here.keep(ctx, ln, maxGreeted, greet) })
	}
	all := make([][]bool, len(nodes))
	each(nodes, func(i int, m Remote) {
		if m.ask(ctx, http.MethodPost, "/reach", doors, &all[i]) != nil || len(all[i]) != len(doors) {
			all[i] = make([]bool, len(doors))
		}
	})
	return all, nil
}

// each does something with all nodes, several at the same time.
func each(nodes []Remote, do func(i int, m Remote)) {
	doing := new(errgroup.Group)
	doing.SetLimit(reachOnce)
	for i, m := range nodes {
		doing.Go(func() error {
			do(i, m)
			return nil
		})
	}
	_ = doing.Wait() // there is no error
}
