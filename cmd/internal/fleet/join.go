package fleet

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/common/fault"
)

// Joining says which manager a node joins, and how.
type Joining struct {
	Manager string // HOST:PORT
	Code    Code
	Hello   Hello // Protocol and Address are filled in
	// Handler answers the manager. The context of a request ends with the
	// connection.
	Handler http.Handler
	// Joined is told of the welcome; it may not be nil.
	Joined func(Welcome)
}

// Join joins a manager and answers it until the manager says that it is over,
// which is nil, or ctx ends. It returns when no request is under way any more.
// It fails with fault.Unauthorized when the code is wrong on either side, with
// fault.Version when the manager is of another one, with fault.Busy when it hung up
// before it said a word, and with fault.Closed when the manager is gone.
func Join(ctx context.Context, j Joining) error {
	if err := agent.CheckAddress(j.Manager); err != nil {
		return err
	}
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", j.Manager)
	if err != nil {
		return fmt.Errorf("cannot reach the manager at %s: %w", j.Manager, err)
	}
	defer raw.Close()
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
	defer stop()
	// Any certificate will do: that the manager knows the code is proven.
	conn := tls.Client(raw, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true})
	_ = raw.SetDeadline(time.Now().Add(proofTime))
	welcome, err := j.introduce(conn)
	if err != nil {
		return fmt.Errorf("the manager at %s: %w", j.Manager, errors.Join(err, ctx.Err()))
	}
	_ = raw.SetDeadline(time.Time{})
	j.Joined(welcome)
	over := j.answer(ctx, conn)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !over:
		return fault.Wrapf(fault.Closed, "the manager at %s is gone", j.Manager)
	}
	return nil
}

// introduce is the conversation before the roles are turned round.
func (j *Joining) introduce(conn *tls.Conn) (w Welcome, err error) {
	if err := conn.Handshake(); err != nil {
		return w, noManager(err)
	}
	proof, err := j.Code.proof(nodeSide, conn)
	if err != nil {
		return w, err
	}
	hello := j.Hello
	hello.Protocol = Version
	if tcp, ok := conn.LocalAddr().(*net.TCPAddr); ok {
		hello.Address = tcp.AddrPort().Addr().Unmap()
	}
	if err := send(conn, typeHello, proof, hello); err != nil {
		return w, err
	}
	kind, shown, text, err := receive(conn)
	if err != nil {
		return w, noManager(err)
	}
	switch kind {
	case typeWelcome:
		if !j.Code.proves(shown, managerSide, conn) {
			return w, fault.Wrapf(fault.Unauthorized, "what answers there does not know the code, and is not the manager")
		}
		if err = decode(text, &w); err == nil && !IsName(w.Name) {
			err = fault.Wrapf(fault.Protocol, "it gives this node a name that cannot be")
		}
		return w, err
	case typeRefused:
		var why Refused
		if err := decode(text, &why); err != nil {
			return w, err
		}
		return w, why.err()
	}
	return w, fault.Wrapf(fault.Protocol, "a message of type %#x where WELCOME was to come", byte(kind))
}

// noManager says of what does not talk as a manager does that it is none. A manager
// that has too many to hear out hangs up before a word could be said.
func noManager(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) {
		return fault.Wrapf(fault.Busy, "what answers there hung up at once: a manager does so while too many join it at the same moment; if this goes on, it is none; look at the port (%w)", err)
	}
	return fault.Wrapf(fault.Protocol, "what answers there is no manager that waits for nodes; look at the port (%w)", err)
}

// answer answers the manager's requests until the connection ends, and reports
// whether the manager has said that it is over.
func (j *Joining) answer(ctx context.Context, conn *tls.Conn) bool {
	h, closed := &handler{Handler: j.Handler}, make(chan struct{})
	server := &http.Server{
		Handler: h, HTTP2: heartbeat(), Protocols: framed(), ErrorLog: log.New(io.Discard, "", 0),
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	_ = server.Serve(&only{conn: &closing{Conn: conn, closed: closed}, closed: closed})
	_ = server.Close()
	return h.end()
}

// only listens for one connection, which is there, until that is closed.
type only struct {
	conn   *closing
	once   sync.Once
	closed <-chan struct{}
}

func (l *only) Accept() (conn net.Conn, err error) {
	l.once.Do(func() { conn = l.conn })
	if conn != nil {
		return conn, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

// Close closes the connection too.
func (l *only) Close() error { return l.conn.Close() }

// Addr is where the connection ends here.
func (l *only) Addr() net.Addr { return l.conn.LocalAddr() }

// handler is a Handler that knows when none of its requests is under way.
type handler struct {
	http.Handler

	mu    sync.Mutex
	over  bool // the manager has said so
	ended bool
	way   sync.WaitGroup
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.over = h.over || r.URL.Path == overPath
	if h.ended || h.over {
		h.mu.Unlock()
		return
	}
	h.way.Add(1)
	h.mu.Unlock()
	defer h.way.Done()
	h.Handler.ServeHTTP(w, r)
}

// end waits for what is under way. Nothing is begun any more.
func (h *handler) end() (over bool) {
	h.mu.Lock()
	h.ended = true
	h.mu.Unlock()
	h.way.Wait()
	return h.over
}
