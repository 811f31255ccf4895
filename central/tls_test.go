package central

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/transfer"
)

// secured serves over TLS with a certificate made in dir.
func secured(t *testing.T, dir string) (change func(*ServerConfig), fingerprint string) {
	t.Helper()
	cfg, fingerprint, err := SelfMade(dir)
	if err != nil {
		t.Fatal(err)
	}
	return func(c *ServerConfig) { c.TLS = cfg }, fingerprint
}

func pinned(path string) func(*ClientConfig) {
	return func(c *ClientConfig) { c.Pins = Pins{Path: path} }
}

func TestFilesOverTLS(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls)
	s.addr.Fingerprint = fingerprint
	data := noise(3*content.MinChunk + 17)
	s.add(t, "x", data)
	s.mustGet(t, "x", data)
}

func TestTheCertificateIsPinnedOnFirstUse(t *testing.T) {
	certs, pins := t.TempDir(), filepath.Join(t.TempDir(), "new folder", "pins")
	tls, fingerprint := secured(t, certs)
	s := startServer(t, tls)
	for range 2 {
		dial(t, s, pinned(pins))
	}
	b, err := os.ReadFile(pins)
	if want := s.addr.HostPort + " sha256:" + fingerprint + "\n"; err != nil || string(b) != want {
		t.Errorf("%q, %v; not %q", b, err, want)
	}
	s.stop()
	again, same := secured(t, certs)
	if same != fingerprint {
		t.Fatal("the certificate was not kept")
	}
	dial(t, startServerAt(t, s.dir, s.addr.HostPort, again), pinned(pins))
}

// TestAPinIsToldOf: once, and not again where it is known.
func TestAPinIsToldOf(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls)
	var told []string
	pins := Pins{Path: filepath.Join(t.TempDir(), "pins"), OnPin: func(hostPort, fingerprint string) {
		told = append(told, hostPort+" "+fingerprint)
	}}
	for range 2 {
		dial(t, s, func(c *ClientConfig) { c.Pins = pins })
	}
	if want := s.addr.HostPort + " " + fingerprint; !slices.Equal(told, []string{want}) {
		t.Errorf("%q, want %s", told, want)
	}
}

func TestAChangedCertificateIsRefused(t *testing.T) {
	pins := filepath.Join(t.TempDir(), "pins")
	tls, old := secured(t, t.TempDir())
	s := startServer(t, tls)
	dial(t, s, pinned(pins))
	s.stop()
	tls, other := secured(t, t.TempDir())
	s = startServerAt(t, s.dir, s.addr.HostPort, tls)
	_, err := tryDial(t, s, pinned(pins))
	if !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), old) || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), pins) {
		t.Errorf("%v", err)
	}
}

func TestTheFingerprintInTheAddressDecides(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls)
	a, err := ParseAddress(s.addr.String() + "#sha256=" + strings.ToUpper(fingerprint))
	if err != nil {
		t.Fatal(err)
	}
	s.addr = a
	dial(t, s)
	s.addr.Fingerprint = strings.Repeat("0", 64)
	if _, err := tryDial(t, s); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), fingerprint) {
		t.Errorf("another fingerprint: %v", err)
	}
}

func TestWithoutPinsACertificateNobodyVouchesForIsRefused(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls)
	if _, err := tryDial(t, s); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), fingerprint) {
		t.Errorf("%v", err)
	}
}

func TestAPlainClientAtATLSServer(t *testing.T) {
	tls, _ := secured(t, t.TempDir())
	s := startServer(t, tls)
	s.addr.TLS = false
	for range 20 { // the words must never be lost to a reset
		if _, err := tryDial(t, s); !errors.Is(err, fault.Refused) || !strings.Contains(err.Error(), "speaks TLS only") {
			t.Fatalf("%v", err)
		}
	}
}

func TestATLSClientAtAPlainServer(t *testing.T) {
	s := startServer(t)
	s.addr.TLS = true
	for range 20 {
		if _, err := tryDial(t, s); !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "does not speak TLS") {
			t.Fatalf("%v", err)
		}
	}
}

// TestAFullServerDoesNotLookLikeOneWithoutTLS: the client comes again.
func TestAFullServerDoesNotLookLikeOneWithoutTLS(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls, withBounds(Bounds{Conns: 1}))
	s.addr.Fingerprint = fingerprint
	dial(t, s)
	_, err := tryDial(t, s)
	if err == nil || fault.Final(err) || strings.Contains(err.Error(), "does not speak TLS") {
		t.Errorf("%v", err)
	}
}

func TestSilenceWhereTLSIsDue(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls, withBounds(hurried))
	s.addr.Fingerprint = fingerprint
	for what, words := range map[string][]byte{
		"nothing":          nil,
		"half a handshake": {tlsRecord, 3, 1, 2, 0, 1},
		"noise in TLS":     append([]byte{tlsRecord}, noise(2000)...),
	} {
		t.Run(what, func(t *testing.T) {
			c := s.raw(t)
			_ = c.sayBytes(words)
			eventually(t, "others are served", func() bool { // who are in a hurry here as well
				other, err := tryDial(t, s)
				if err == nil {
					other.Close()
				}
				return err == nil
			})
			c.hearEnd()
		})
	}
	s.onlyLeft(t, 0)
}

// TestAServerWithSilentTLSClientsStopsAtOnce does not wait for handshakes that
// have not begun.
func TestAServerWithSilentTLSClientsStopsAtOnce(t *testing.T) {
	tls, _ := secured(t, t.TempDir())
	s := startServer(t, tls)
	s.raw(t)
	s.onlyLeft(t, 1)
	s.stopsWithin(t, 2*time.Second)
}

func (s *served) stopsWithin(t *testing.T, limit time.Duration) {
	t.Helper()
	began := time.Now()
	s.stop()
	if took := time.Since(began); took > limit {
		t.Errorf("Serve returned after %v", took)
	}
}

func TestUsersOverTLS(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls, func(c *ServerConfig) { c.Access.Users = users(t, nil, "alice") })
	s.addr.Fingerprint = fingerprint
	dial(t, s, as("alice", "ecila"))
	if _, err := tryDial(t, s, as("alice", "wrong")); !errors.Is(err, fault.Unauthorized) {
		t.Errorf("%v", err)
	}
}

// TestTLSFromSeveralConnections uses the path without sendfile in parallel.
func TestTLSFromSeveralConnections(t *testing.T) {
	tls, fingerprint := secured(t, t.TempDir())
	s := startServer(t, tls)
	s.addr.Fingerprint = fingerprint
	data := noise(40*content.MinChunk + 1)
	s.add(t, "x", data)
	c := dial(t, s)
	_, list := describeFile(t, c, "x")
	all := []transfer.Source{c.Source(list)}
	for range 3 {
		all = append(all, NewSource(s.addr, ClientConfig{}, list))
	}
	got, err := fetch(t, list, transfer.Config{}, all...)
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

func TestTheKeyIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	secured(t, dir)
	info, err := os.Stat(filepath.Join(dir, "server-key.pem"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
