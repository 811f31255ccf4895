package worker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"starmesh/cmd/internal/lab/preflight"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// Config says what a node lets its manager have done.
type Config struct {
	Program  string        // the file of this program
	Dir      string        // the node's own folder, made if need be; the caller removes it
	Keep     string        // folder in which pushed files stay; "": none are taken
	MaxBytes int64         // of a file
	MaxTime  time.Duration // of a transfer
	// Told is told, in a sentence, what the manager has done, and what it was
	// refused; nil: nobody is.
	Told func(text string)
}

func (c *Config) tell(format string, args ...any) {
	if c.Told != nil {
		c.Told(readable.Text(fmt.Sprintf(format, args...)))
	}
}

// A Worker answers a manager: an http.Handler.
type Worker struct {
	cfg Config
	mux *http.ServeMux

	mu  sync.Mutex
	now *work // the last one; nil: none yet
}

// work is one transfer.
type work struct {
	spec    runner.Spec
	process *runner.Process
	at      runner.Site
	errors  string // file of what it has written to standard error
}

// New makes a worker, and its folders.
func New(cfg Config) (*Worker, error) {
	w := &Worker{cfg: cfg, mux: http.NewServeMux()}
	for _, dir := range []string{fileDir, cacheDir, runDir} {
		if err := os.MkdirAll(w.path(dir), 0o700); err != nil {
			return nil, fmt.Errorf("no folder for what a manager sends: %w", err)
		}
	}
	for route, do := range map[string]func(*http.Request) (any, error){
		"GET /about": w.about, "GET /clock": w.clock, "POST /cpu": w.cpu, "POST /reach": w.reach, "POST /flow": w.flow,
		"PUT /file": w.told(w.putFile), "POST /random": w.told(w.random), "POST /prove": w.prove,
		"GET /agent/{reading}": w.reading, "POST /agent/start": w.begin,
		"DELETE /run": w.clear,
	} {
		w.mux.HandleFunc(route, func(rw http.ResponseWriter, r *http.Request) { answer(rw, r, do) })
	}
	w.mux.HandleFunc("POST /listen", w.listen)
	w.mux.HandleFunc("POST /source", w.source)
	w.mux.HandleFunc("POST /run", w.run)
	w.mux.HandleFunc("GET /log", w.log)
	w.mux.HandleFunc("GET /errors", w.log)
	return w, nil
}

// The folders in that of the node.
const (
	fileDir  = "file"  // what an origin sends
	cacheDir = "cache" // what is known of it
	runDir   = "run"   // of the transfer that is under way, or was
)

func (w *Worker) path(parts ...string) string {
	return filepath.Join(append([]string{w.cfg.Dir}, parts...)...)
}

// ServeHTTP implements http.Handler.
func (w *Worker) ServeHTTP(rw http.ResponseWriter, r *http.Request) { w.mux.ServeHTTP(rw, r) }

// room refuses a file of so many bytes if the node does not take it, in dir.
func (w *Worker) room(r *http.Request, dir string, bytes int64) error {
	if bytes < 0 || bytes > w.cfg.MaxBytes {
		return fault.Wrapf(fault.TooLarge, "a file of %s is more than this node takes (%s)", units.Bytes(bytes), units.Bytes(w.cfg.MaxBytes))
	}
	if free := preflight.RoomAt(r.Context(), dir).DiskBytes; free > 0 && bytes > free {
		return fault.Wrapf(fault.NoSpace, "a file of %s does not fit: %s are free", units.Bytes(bytes), units.Bytes(free))
	}
	return nil
}

// hostOf is the node's own end of the connection to its manager: others reach
// it there too.
func hostOf(r *http.Request) string {
	if tcp, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().String()
	}
	return "127.0.0.1"
}

// listensAt is where what a manager has started here listens: at the node's own
// end of the connection, or, if nobody on another machine reaches that, at the
// host at which the manager says that this machine is reached, if it has that.
func listensAt(r *http.Request, host string) string {
	own := hostOf(r)
	if !net.ParseIP(own).IsLoopback() || !isOwn(net.ParseIP(host)) {
		return own
	}
	return host
}

// isOwn reports whether this machine has the address, or that is every one.
func isOwn(ip net.IP) bool {
	all, _ := net.InterfaceAddrs() // without any it has none
	return ip != nil && (ip.IsUnspecified() || slices.ContainsFunc(all, func(a net.Addr) bool {
		one, ok := a.(*net.IPNet)
		return ok && one.IP.Equal(ip)
	}))
}

// reachedFrom is an address as this node reaches it: whatever listens at every
// address is on the manager's machine.
func reachedFrom(r *http.Request, address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil || !net.ParseIP(host).IsUnspecified() {
		return address
	}
	manager, _, _ := net.SplitHostPort(r.RemoteAddr)
	return net.JoinHostPort(manager, port)
}

// maxJSON bounds what is sent as JSON, either way, in bytes.
const maxJSON = 1 << 20

// told has the one at the node hear of what was refused.
func (w *Worker) told(do func(*http.Request) (any, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		answer, err := do(r)
		if err != nil {
			w.cfg.tell("refused to the manager: %v", err)
		}
		return answer, err
	}
}

// refusal is an error on its way.
type refusal struct {
	Code uint16 `json:"code"`
	Text string `json:"text"`
}

// answer does what is asked for and answers in JSON.
func answer(rw http.ResponseWriter, r *http.Request, do func(*http.Request) (any, error)) {
	result, err := do(r)
	if err != nil {
		refuse(rw, err)
		return
	}
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(result) // a manager that is gone needs no answer
}

func refuse(rw http.ResponseWriter, err error) {
	rw.Header().Set("Content-Type", "application/json")
	rw.WriteHeader(http.StatusUnprocessableEntity)
	_ = json.NewEncoder(rw).Encode(refusal{fault.Code(err), err.Error()})
}

// read decodes JSON in which there is nothing that is not known: a manager that
// asks for more than this node can is to be told.
func read(from io.Reader, into any) error {
	d := json.NewDecoder(io.LimitReader(from, maxJSON))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fault.Wrapf(fault.Invalid, "the request cannot be read: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fault.Wrapf(fault.Invalid, "the request does not end where it should")
	}
	return nil
}
