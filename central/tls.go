package central

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"starmesh/common/atomicfile"
	"starmesh/common/fault"
	"starmesh/common/stuck"
	"starmesh/common/trace"
)

// Fingerprint is the SHA-256 of a certificate in DER form, as hex.
func Fingerprint(cert []byte) string {
	sum := sha256.Sum256(cert)
	return hex.EncodeToString(sum[:])
}

// ServerTLS returns the server's side of TLS 1.3 with a certificate chain and key
// in PEM files, and the certificate's fingerprint.
func ServerTLS(certFile, keyFile string) (*tls.Config, string, error) {
	read := stuck.Begin()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	read()
	if err != nil {
		return nil, "", fmt.Errorf("cannot use certificate %s with key %s: %w", certFile, keyFile, err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}
	return cfg, Fingerprint(cert.Certificate[0]), nil
}

// SelfMade returns ServerTLS with a certificate of our own, made in dir at first
// and kept there, so that clients who pinned it find it again.
func SelfMade(dir string) (*tls.Config, string, error) {
	certFile, keyFile := filepath.Join(dir, "server-cert.pem"), filepath.Join(dir, "server-key.pem")
	if _, err := os.Stat(certFile); errors.Is(err, fs.ErrNotExist) {
		if err := makeCertificate(dir, certFile, keyFile); err != nil {
			return nil, "", fmt.Errorf("cannot make a certificate in %s: %w", dir, err)
		}
	}
	return ServerTLS(certFile, keyFile)
}

func makeCertificate(dir, certFile, keyFile string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return err
	}
	template := certificateOf(serial)
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// The key first: a certificate without a key would be found at the next start.
	if err := writePEM(keyFile, 0o600, "PRIVATE KEY", der); err != nil {
		return err
	}
	return writePEM(certFile, 0o644, "CERTIFICATE", cert)
}

// certificateOf is what a server's own certificate says.
func certificateOf(serial *big.Int) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "starmesh central"},
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(20, 0, 0), // clients trust the fingerprint, not the date
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
}

func writePEM(name string, perm fs.FileMode, kind string, der []byte) error {
	return atomicfile.Write(name, atomicfile.Options{Perm: perm}, func(w io.Writer) error {
		return pem.Encode(w, &pem.Block{Type: kind, Bytes: der})
	})
}

func (s *Server) handshakeTLS(ctx context.Context, conn net.Conn, tcp *stallConn) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Bounds.Handshake)
	defer cancel()
	first, err := peekFirst(ctx, conn)
	if err != nil {
		return nil, err
	}
	if first.first != tlsRecord {
		plain := newLink(first, tcp, s.cfg.Instruments, s.cfg.Bounds.Handshake)
		plain.lastWord(failureOf(0, fault.Wrapf(fault.Refused, "this server speaks TLS only: use stars://…")))
		return nil, fmt.Errorf("a client without TLS")
	}
	secured := tls.Server(first, s.cfg.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	s.cfg.Trace.Step("TLS handshake done on fd %d", trace.Descriptor(tcp))
	return secured, nil
}

// tlsRecord is the first byte of every TLS handshake (RFC 8446 §5.1).
const tlsRecord = 22

// peeked is a connection whose first byte has been looked at.
type peeked struct {
	net.Conn
	first byte
	given bool
}

// CloseWrite ends the writing half, for lastWord.
func (p *peeked) CloseWrite() error {
	half, ok := p.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}

// peekFirst waits for the first byte until ctx ends.
func peekFirst(ctx context.Context, conn net.Conn) (*peeked, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(past) })
	var b [1]byte
	_, err := io.ReadFull(conn, b[:])
	if !stop() && err == nil {
		err = ctx.Err()
	}
	return &peeked{Conn: conn, first: b[0]}, err
}

func (p *peeked) Read(b []byte) (int, error) {
	if p.given || len(b) == 0 {
		return p.Conn.Read(b)
	}
	p.given = true
	b[0] = p.first
	return 1, nil
}

// Pins remembers the certificate of each server at its first use, as ssh does
// with host keys: one line "host:port sha256:HEX" each. An empty Path pins
// nothing beyond what an address says.
type Pins struct {
	Path string
	// OnPin is told of a certificate that is remembered from now on, before
	// anything is said to its server; nil: nobody is.
	OnPin func(hostPort, fingerprint string)
}

// clientTLS returns the client's side of TLS 1.3 for a server. A fingerprint in
// the address decides; else a certificate that the system trusts for that name
// is taken; else the pinned one, or, at first use, whichever the server shows.
func clientTLS(a Address, pins Pins) *tls.Config {
	host, _, _ := net.SplitHostPort(a.HostPort)
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		// The check below replaces the usual one; it is never weaker than
		// "the same certificate as last time".
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			leaf := state.PeerCertificates[0]
			got := Fingerprint(leaf.Raw)
			if a.Fingerprint != "" {
				return same(a.HostPort, got, a.Fingerprint, "the address names")
			}
			if trusted(state, host) {
				return nil
			}
			return pins.check(a.HostPort, got)
		},
	}
}

func trusted(state tls.ConnectionState, host string) bool {
	others := x509.NewCertPool()
	for _, c := range state.PeerCertificates[1:] {
		others.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Intermediates: others})
	return err == nil
}

func same(hostPort, got, want, who string) error {
	if got == want {
		return nil
	}
	return fault.Wrapf(fault.Refused, "the certificate of %s is sha256:%s, but %s sha256:%s: it was replaced, or someone is in between", hostPort, got, who, want)
}

// check compares with the pin of hostPort, or makes it.
func (p Pins) check(hostPort, got string) error {
	if p.Path == "" {
		return fault.Wrapf(fault.Refused, "nothing is known about the certificate of %s (sha256:%s): give its fingerprint in the address", hostPort, got)
	}
	want, err := p.lookup(hostPort)
	if err != nil {
		return err
	}
	if want != "" {
		return same(hostPort, got, want, p.Path+" has")
	}
	if err := os.MkdirAll(filepath.Dir(p.Path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(p.Path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(f, "%s sha256:%s\n", hostPort, got)
	if err = errors.Join(err, f.Close()); err == nil && p.OnPin != nil {
		p.OnPin(hostPort, got)
	}
	return err
}

func (p Pins) lookup(hostPort string) (string, error) {
	f, err := os.Open(p.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if name, pin, ok := strings.Cut(lines.Text(), " sha256:"); ok && name == hostPort {
			return pin, nil
		}
	}
	return "", lines.Err()
}
