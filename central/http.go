package central

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"path"
	"strings"
	"time"

	"starmesh/common/fault"
	"starmesh/common/httphost"
	"starmesh/common/readable"
	"starmesh/common/store"
	"starmesh/common/trace"
)

// ServeHTTP serves the same files over HTTP on ln, which it closes, until ctx
// ends: GET and HEAD with ranges, ETag (the file's id) and a plain listing. The
// same access rules, limits, certificate and meters apply; users log in with
// Basic authentication. It returns nil after ctx has ended and open answers
// are finished or Bounds.Grace is over.
func (s *Server) ServeHTTP(ctx context.Context, ln net.Listener) error {
	server := &http.Server{
		Handler:           http.HandlerFunc(s.httpHandle),
		ReadHeaderTimeout: s.cfg.Bounds.Handshake,
		IdleTimeout:       s.cfg.Bounds.Idle,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // broken clients are no news
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       rememberConn,
	}
	listening := s.cfg.Sockets.Listening(ln)
	defer listening.Close()
	ended := make(chan error, 1)
	counted := &httpListener{Listener: ln, server: s, ctx: ctx, fd: trace.Descriptor(ln)}
	go func() { ended <- server.Serve(s.maybeTLS(counted)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Bounds.Grace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		server.Close()
	}
	<-ended
	return nil
}

func (s *Server) maybeTLS(ln net.Listener) net.Listener {
	if s.cfg.TLS == nil {
		return ln
	}
	cfg := s.cfg.TLS.Clone()
	cfg.NextProtos = []string{"http/1.1"}
	return tls.NewListener(ln, cfg)
}

func (s *Server) httpHandle(plain http.ResponseWriter, r *http.Request) {
	w := &answerWriter{ResponseWriter: plain, conn: connOf(r), head: r.Method == http.MethodHead}
	s.cfg.Trace.Step("recv(fd %d) %s %s %s", w.conn.fd, readable.Text(r.Method), readable.Text(r.RequestURI), r.Proto)
	w.Header().Set("Server", s.cfg.Agent)
	if len(r.TransferEncoding) > 0 { // perhaps with a Content-Length as well: RFC 9112, 6.3
		w.Header().Set("Connection", "close")
	}
	if err := s.httpAllowed(r); err != nil {
		s.httpFail(w, err)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET and HEAD are served here", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == "" || strings.HasSuffix(name, "/") {
		s.httpList(w, r, strings.TrimSuffix(name, "/"))
		return
	}
	s.httpFile(w, r, name)
}

func (s *Server) httpAllowed(r *http.Request) error {
	if why := connOf(r).refused; why != nil {
		return why
	}
	if s.cfg.Access.Users == nil {
		return s.askedByName(r)
	}
	if r.TLS == nil && !loopbackString(r.RemoteAddr) {
		return fault.Wrapf(fault.Refused, "names and passwords are taken over TLS only")
	}
	user, password, ok := r.BasicAuth()
	if !ok {
		return fault.Wrapf(fault.Unauthorized, "a user name and password are needed")
	}
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	err := s.cfg.Access.Users.check(r.Context(), from.Addr().Unmap().WithZone(""), user, password)
	if err != nil {
		s.cfg.Log.Warn("login failed", "remote", r.RemoteAddr, "user", user)
	}
	return err
}

// askedByName refuses a page whose name points here only so that it can read what
// its reader may. Certificates and passwords keep it out as well.
func (s *Server) askedByName(r *http.Request) error {
	if r.TLS != nil || s.cfg.HTTPNames.Allow(r.Host) {
		return nil
	}
	return fault.Wrapf(fault.Refused, "%s", httphost.Refusal(r.Host))
}

func loopbackString(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && net.ParseIP(host).IsLoopback()
}

// httpStatus is the HTTP status that says the same as an error.
func httpStatus(err error) int {
	switch {
	case errors.Is(err, fault.NotFound), errors.Is(err, fault.Invalid):
		return http.StatusNotFound
	case errors.Is(err, fault.Unauthorized):
		return http.StatusUnauthorized
	case errors.Is(err, fault.Refused):
		return http.StatusForbidden
	case errors.Is(err, fault.Busy), errors.Is(err, fault.Closed):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

func (s *Server) httpFail(w http.ResponseWriter, err error) {
	status := httpStatus(err)
	switch status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="starmesh", charset="UTF-8"`)
	case http.StatusServiceUnavailable:
		after := max(fault.RetryAfter(err), 2*time.Second)
		w.Header().Set("Retry-After", fmt.Sprintf("%.0f", after.Seconds()))
	}
	if errors.Is(err, fault.Refused) || fault.RetryAfter(err) > 0 {
		w.Header().Set("Connection", "close")
	}
	w.Header().Set(whyHeader, err.Error())
	http.Error(w, err.Error(), status)
}

func (s *Server) httpFile(w *answerWriter, r *http.Request, name string) {
	if r.URL.ForceQuery || r.URL.RawQuery != "" && r.URL.RawQuery != chunksQuery {
		s.httpFail(w, fault.Wrapf(fault.NotFound, "a file has no ?query here; a question mark in its name is written %%3F"))
		return
	}
	f, entry, err := s.httpOpen(w, r, name)
	if errors.Is(err, fault.NotFound) { // it may be a folder
		if busy := s.looked(r.Context()); busy != nil {
			err = busy
		} else if s.redirectFolder(w, r, name) {
			return
		}
	}
	if err != nil {
		s.httpFail(w, err)
		return
	}
	defer f.Close()
	list := f.Chunks()
	w.Header().Set("ETag", `"`+list.ID().String()+`"`)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	// A page among the files must not act for its reader on this server.
	w.Header().Set("Content-Security-Policy", "sandbox")
	if r.URL.RawQuery == chunksQuery {
		w.Header().Set("Content-Type", chunksType)
		setRange(r, int64(len(list.Bytes())))
		http.ServeContent(w, r, "", entry.ModTime, bytes.NewReader(list.Bytes()))
		return
	}
	w.payload = r.Method == http.MethodGet
	setRange(r, list.Size())
	http.ServeContent(w, r, path.Base(name), entry.ModTime, newSharedFile(f.OS(), list.Size()))
}

// httpOpen waits a while for a file's id; then it says how far it is.
func (s *Server) httpOpen(w http.ResponseWriter, r *http.Request, name string) (*store.Held, store.Entry, error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.hashPatience)
	defer cancel()
	done, total := int64(0), int64(0)
	entry, _, err := s.cfg.Folder.Describe(ctx, name, func(d, t int64) { done, total = d, t })
	if errors.Is(err, context.DeadlineExceeded) {
		w.Header().Set(workingHeader, fmt.Sprintf("%d/%d", done, total))
		err = fault.Wrapf(fault.Busy, "%s is being hashed (%d of %d bytes); try again soon", name, done, total)
	}
	if err != nil {
		return nil, entry, err
	}
	f, err := s.cfg.Folder.Open(name)
	return f, entry, err
}

// redirectFolder sends the reader of /folder to /folder/.
func (s *Server) redirectFolder(w http.ResponseWriter, r *http.Request, name string) bool {
	found, _ := s.cfg.Folder.Entries(name, "", 1)
	if len(found) == 0 || !strings.HasPrefix(found[0].Name, name+"/") {
		return false
	}
	http.Redirect(w, r, href(path.Base(name))+"/", http.StatusMovedPermanently)
	return true
}
