package central

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"starmesh/common/content"
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
	w := &answerWriter{ResponseWriter: plain, conn: connOf(r)}
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

var listing = template.Must(template.New("listing").Parse(`<!doctype html>
<meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<title>{{.Title}}</title>
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}td,th{padding:.1rem 1rem .1rem 0;text-align:left;vertical-align:top}
td.n{text-align:right;white-space:nowrap}code{font-size:.8rem;overflow-wrap:anywhere}</style>
<h1>{{.Title}}</h1>
<table><tr><th>name<th>bytes<th>modified (UTC)<th>BLAKE3, as b3sum prints
{{range .Rows}}<tr><td><a href="{{.Href}}">{{.Name}}</a><td class="n">{{.Size}}<td>{{.Time}}<td><code>{{.ID}}</code>
{{end}}</table>
{{if .More}}<p><a href="{{.More}}">more</a>{{end}}
`))

type row struct{ Href, Name, Size, Time, ID string }

// httpList shows one page of a folder: its files, and each subfolder once.
func (s *Server) httpList(w http.ResponseWriter, r *http.Request, folder string) {
	rows, after, err := s.httpRows(r, folder)
	if err != nil {
		s.httpFail(w, err)
		return
	}
	view := struct {
		Title, More string
		Rows        []row
	}{Title: "/" + folder, Rows: rows}
	if after != "" {
		view.More = "?after=" + url.QueryEscape(after)
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	if err := listing.Execute(w, view); err != nil {
		s.cfg.Log.Log(r.Context(), slog.LevelDebug, "listing not sent", "error", err)
	}
}

// httpRows are those of the page that is asked for, and the name after which the
// next one begins, if there is one.
func (s *Server) httpRows(r *http.Request, folder string) (rows []row, next string, err error) {
	if folder != "" {
		if err := content.CheckPath(folder); err != nil {
			return nil, "", err
		}
	}
	if err := s.looked(r.Context()); err != nil {
		return nil, "", err
	}
	most := maxListLimit
	if r.Method == http.MethodHead {
		most = 1 // whether there is the folder
	}
	rows, next = s.page(folder, r.URL.Query().Get("after"), most)
	if len(rows) == 0 && folder != "" {
		return nil, "", fault.Wrapf(fault.NotFound, "there is no folder %s", folder)
	}
	return rows, next, nil
}

// page returns so many rows at most after a name, and the name to go on after, if
// any. What is in a subfolder is stepped over, however much it is: of many
// subfolders little more is looked at than a file of each.
func (s *Server) page(folder, after string, most int) (rows []row, next string) {
	prefix := ""
	if folder != "" {
		prefix = folder + "/"
	}
	for step := 1; len(rows) < most; step = min(max(1, 2*step), most-len(rows)) {
		found, more := s.cfg.Folder.Entries(folder, after, step)
		for _, e := range found {
			after = e.Name
			rest, inside := strings.CutPrefix(e.Name, prefix)
			if !inside {
				continue
			}
			if sub, _, deeper := strings.Cut(rest, "/"); deeper {
				rows = append(rows, row{Href: href(sub) + "/", Name: sub + "/"})
				after, more, step = prefix+sub+"/\xff", true, 0 // behind all that is in it, for no name has such a byte
				break
			}
			rows = append(rows, fileRow(rest, e))
		}
		if !more {
			return rows, ""
		}
	}
	return rows, after
}
