package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

// wiretap passes connections on to a server, and keeps what each client said.
type wiretap struct {
	net.Listener
	to   string
	mu   sync.Mutex
	said []*bytes.Buffer
	open []net.Conn
	all  sync.WaitGroup
}

func newWiretap(t *testing.T, to string) *wiretap {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wiretap{Listener: ln, to: to}
	w.all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			w.all.Go(func() { w.pass(c) })
		}
	})
	t.Cleanup(w.close)
	return w
}

func (w *wiretap) close() {
	_ = w.Listener.Close()
	w.mu.Lock()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.all.Wait()
}

func (w *wiretap) pass(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer server.Close()
	said := new(bytes.Buffer)
	w.mu.Lock()
	w.said, w.open = append(w.said, said), append(w.open, client, server)
	w.mu.Unlock()
	w.all.Go(func() {
		_, _ = io.Copy(client, server)
		client.Close()
	})
	_, _ = io.Copy(server, io.TeeReader(client, locked{said, &w.mu}))
}

// locked is a buffer that somebody else reads.
type locked struct {
	*bytes.Buffer
	mu *sync.Mutex
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.Buffer.Write(p)
}

// replay says to the server once more what a client has said, and returns how
// much that was, how much it answers, and whether it then hangs up.
func (w *wiretap) replay(t *testing.T) (said, answered int, over bool) {
	t.Helper()
	w.mu.Lock()
	var longest []byte
	for _, b := range w.said {
		if b.Len() > len(longest) {
			longest = bytes.Clone(b.Bytes())
		}
	}
	w.mu.Unlock()
	c, err := net.Dial("tcp", w.to)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = c.Write(longest) }()
	n, err := io.Copy(io.Discard, c)
	timeout, late := err.(net.Error)
	return len(longest), int(n), !late || !timeout.Timeout()
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// asMultiaddr writes host:port as a mesh does.
func asMultiaddr(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	return "/ip4/" + host + "/tcp/" + port
}

// TestAttemptsByReplay says again, word for word, what was heard on the wire of
// one who may: it opens nothing, since every connection has secrets of its own.
func TestAttemptsByReplay(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("it starts servers")
	}
	work := t.TempDir()
	at := func(name string) string { return filepath.Join(work, name) }
	content := bytes.Repeat([]byte("secret"), 20_000)
	hash, err := bcrypt.GenerateFromPassword([]byte("ann's"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"file": content, "users": append([]byte("ann:"), hash...), "password": []byte("ann's")} {
		if err := os.WriteFile(at(name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(environment string, args ...string) {
		t.Helper()
		cmd := exec.Command("starmesh", args...)
		cmd.Env = append(os.Environ(), environment)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
	}
	if err := os.Mkdir(at("pushed"), 0o755); err != nil {
		t.Fatal(err)
	}
	run("", "peer", "key", at("key"))

	star := service(t, "listening", "central", "serve", at("file"), "--listen", "127.0.0.1:0", "--tls", "--users", at("users"))
	door := freePort(t)
	private := service(t, "node", "peer", "serve", at("file"), "--listen", asMultiaddr(door), "--no-mdns", "--network-key", at("key"))
	id, err := exec.Command("starmesh", "hash", at("file")).Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("STARMESH_LAB_CODE", strings.Repeat("A", 26))
	manager := service(t, "invite", "push", at("file"), "--nodes", "2", "--listen", "127.0.0.1:0")

	for _, a := range []struct {
		what, at string
		speak    func(to string)
		most     int // bytes that a stranger may be answered: a handshake
	}{
		{"a login", star["listen"], func(to string) {
			run("", "central", "get", strings.Replace(star["address"], star["listen"], to, 1), "file", "--user", "ann", "--password-file", at("password"), "-o", at("got")+"/")
		}, 4096},
		{"the proof of a private mesh", door, func(to string) {
			run("", "peer", "get", string(id[:64]), "--join", asMultiaddr(to)+"/p2p/"+private["id"], "--no-mdns", "--network-key", at("key"), "-o", at("fetched")+"/")
		}, 4096},
		{"the code of a manager", manager["address"], func(to string) {
			service(t, "joined", "node", to, "--allow-push", at("pushed"))
		}, 4096},
	} {
		t.Run(a.what, func(t *testing.T) {
			w := newWiretap(t, a.at)
			a.speak(w.Addr().String())
			said, answered, over := w.replay(t)
			if said < 300 || answered > a.most || !over {
				t.Errorf("%d bytes said again, %d answered, hung up: %v", said, answered, over)
			}
			t.Logf("%d bytes said again, %d answered", said, answered)
		})
	}
}
