package fleet

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
	"starmesh/common/retry"
)

const (
	proofTime = 10 * time.Second // for a connection to prove the code
	// maxUnproven is how many connections may be without a proof at a time, and
	// maxUnprovenAddr how many of one address.
	maxUnproven     = 256
	maxUnprovenAddr = 32
	// acceptPause is how long nothing is accepted when the system cannot.
	acceptPause = 100 * time.Millisecond
)

// Config says whom a manager takes.
type Config struct {
	Listen  string // HOST:PORT
	Nodes   int    // as many at the most
	Codes   []Code // with which a node joins; one at the least
	Once    bool   // each code is good for one node
	Push    bool   // nodes are to keep files that are pushed; else they are a lab's
	Program string // the version of this program
	// Joined, Left and Refused are told who comes and goes. None may block, and
	// none may be nil.
	Joined, Left func(*Member)
	Refused      func(from net.Addr, why error)
}

// A Roster is the nodes that have joined a manager.
type Roster struct {
	cfg     Config
	ln      net.Listener
	tls     *tls.Config
	waiting waiting
	places  *agent.Places

	mu      sync.Mutex
	codes   []Code // that are good
	spent   []Code
	members []*Member     // in the order in which they came, those being welcomed too
	changed chan struct{} // closed when members are about to be others
}

// Listen begins to listen for nodes. Run must follow.
func Listen(ctx context.Context, cfg Config) (*Roster, error) {
	cert, err := certificate()
	if err != nil {
		return nil, err
	}
	r := &Roster{
		cfg: cfg, places: agent.NewPlaces(maxUnprovenAddr), codes: slices.Clone(cfg.Codes), changed: make(chan struct{}),
		tls: &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true},
	}
	r.ln, err = agent.Listen(ctx, "tcp", cfg.Listen)
	return r, err
}

// certificate makes a certificate for this process. Nothing in it is ever
// looked at: the code proves who is at the other end (Code.proof).
func certificate() (tls.Certificate, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

// Addr is where the manager listens.
func (r *Roster) Addr() net.Addr { return r.ln.Addr() }

// Members are the nodes that are here, in the order in which they came; changed
// is closed when they are no longer these.
func (r *Roster) Members() (here []*Member, changed <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.open {
			here = append(here, m)
		}
	}
	return here, r.changed
}

// Run takes nodes until ctx ends. Then it lets all of them know that it is over,
// and returns when every connection has ended.
func (r *Roster) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = r.ln.Close() })
	defer stop()
	var conns sync.WaitGroup
	defer conns.Wait()
	for {
		conn, err := r.ln.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		if err != nil { // no descriptors are left: soon there are
			_ = retry.Wait(ctx, acceptPause)
			continue
		}
		conns.Go(func() { r.serve(ctx, conn) })
	}
}

// serve takes the node at the other end of a connection, if it is one, and
// returns when that has left.
func (r *Roster) serve(ctx context.Context, raw net.Conn) {
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Now().Add(overTime)) })
	defer stop()
	m, err := r.meet(raw)
	if err != nil {
		if told := new(refusedError); errors.As(err, &told) {
			r.cfg.Refused(raw.RemoteAddr(), told.error)
		}
		return
	}
	r.cfg.Joined(m)
	select {
	case <-m.gone:
	case <-ctx.Done():
		m.over()
	}
	r.remove(m)
	r.cfg.Left(m)
}

// meet is the conversation before a node is a member.
func (r *Roster) meet(raw net.Conn) (*Member, error) {
	leave, ok := r.places.Take(raw.RemoteAddr().String())
	if !ok {
		return nil, fault.Wrapf(fault.Busy, "too many connections of one address")
	}
	defer leave()
	defer r.waiting.enter(raw)()
	_ = raw.SetDeadline(time.Now().Add(proofTime))
	conn := tls.Server(raw, r.tls)
	m, proof, err := r.greeted(conn)
	if err != nil {
		return nil, err
	}
	if err = send(conn, typeWelcome, proof, Welcome{Program: r.cfg.Program, Name: m.Name, Beside: m.Beside}); err == nil {
		_ = raw.SetDeadline(time.Time{})
		err = m.turn(context.Background(), conn)
	}
	if err != nil {
		r.remove(m)
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m.open = true
	r.change(r.members)
	return m, nil
}

// refusedError is why a node was not taken, which it was told.
type refusedError struct{ error }

// greeted reads what a node says, and takes it as a member or refuses it. proof
// is what this side shows.
func (r *Roster) greeted(conn *tls.Conn) (m *Member, proof []byte, err error) {
	kind, shown, text, err := receive(conn)
	if err == nil && kind != typeHello {
		err = fault.Wrapf(fault.Protocol, "a message of type %#x where HELLO was to come", byte(kind))
	}
	if err != nil {
		return nil, nil, err // no node of ours: it is told nothing
	}
	m = &Member{Remote: conn.RemoteAddr(), Local: conn.LocalAddr(), gone: make(chan struct{})}
	if err = decode(text, &m.Hello); err == nil {
		if proof, err = r.admit(m, shown, conn); err == nil {
			return m, proof, nil
		}
	}
	_ = send(conn, typeRefused, nil, Refused{fault.Code(err), err.Error()}) // it may have gone
	return nil, nil, &refusedError{err}
}

// admit makes a member of a node that shows the proof.
func (r *Roster) admit(m *Member, shown []byte, conn *tls.Conn) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	proven := func(c Code) bool { return c.proves(shown, nodeSide, conn) }
	i := slices.IndexFunc(r.codes, proven)
	switch {
	case m.Protocol != Version:
		return nil, fault.Wrapf(fault.Version, "the node %.64q speaks version %d of the protocol, and the manager %d: take the same starmesh on both (it is %s here)",
			m.Name, m.Protocol, Version, r.cfg.Program)
	case i < 0 && slices.ContainsFunc(r.spent, proven):
		return nil, fault.Wrapf(fault.Unauthorized, "the code was good for one node, which has joined with it")
	case i < 0:
		return nil, fault.Wrapf(fault.Unauthorized, "the code is not the manager's")
	case m.Push && !r.cfg.Push:
		return nil, fault.Wrapf(fault.Invalid, "the manager runs a lab, and this node keeps files: join with 'starmesh lab node'")
	case r.cfg.Push && !m.Push:
		return nil, fault.Wrapf(fault.Invalid, "the manager pushes a file, and this node keeps none: join with 'starmesh node --allow-push DIR'")
	case len(r.members) >= r.cfg.Nodes:
		return nil, fault.Wrapf(fault.Busy, "all %d nodes that the manager waits for are there", r.cfg.Nodes)
	}
	if err := m.check(); err != nil {
		return nil, err
	}
	proof, err := r.codes[i].proof(managerSide, conn)
	if err != nil {
		return nil, err
	}
	if r.cfg.Once {
		r.spent = append(r.spent, r.codes[i])
		r.codes = slices.Delete(r.codes, i, i+1)
	}
	m.Claimed, m.Name = m.Name, r.free(m.Name)
	if i := slices.IndexFunc(r.members, m.beside); i >= 0 {
		m.Beside = r.members[i].Name
	}
	r.change(append(r.members, m))
	return proof, nil
}

// free is the name if no member has it, or else one with a number behind it.
func (r *Roster) free(name string) string {
	taken := func(name string) bool {
		return slices.ContainsFunc(r.members, func(m *Member) bool { return strings.EqualFold(m.Name, name) })
	}
	given := name
	for i := 2; taken(given); i++ {
		number := fmt.Sprintf("-%d", i)
		given = name[:min(len(name), maxName-len(number))] + number
	}
	return given
}

// change makes members those that are here; the caller holds the lock.
func (r *Roster) change(members []*Member) {
	r.members = members
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *Roster) remove(m *Member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.change(slices.DeleteFunc(slices.Clone(r.members), func(other *Member) bool { return other == m }))
}
