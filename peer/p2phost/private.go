package p2phost

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/crypto/argon2"

	"starmesh/common/fault"
)

// A NetworkKey is the secret that the nodes of a private mesh share. The zero
// value is no key: a mesh open to all.
type NetworkKey struct {
	secret    [32]byte
	set       bool
	guessable bool // made of a passphrase
}

// Guessable returns whether the key was made of a passphrase, at which guesses
// can be tried by who knows anything that was computed from it.
func (k NetworkKey) Guessable() bool { return k.guessable }

const (
	// networkKeyHead begins a key file that GenerateNetworkKey made: 32 random
	// bytes follow in base64.
	networkKeyHead = "starmesh-network-1 "
	// minPassphrase is the least that is taken as a network key, in bytes.
	minPassphrase = 16
)

// GenerateNetworkKey makes a new key of 32 random bytes and keeps it in file,
// for its owner only. It fails with fault.Exists when there is such a file.
func GenerateNetworkKey(file string) (NetworkKey, error) {
	k := NetworkKey{set: true}
	if _, err := rand.Read(k.secret[:]); err != nil {
		return NetworkKey{}, fault.Wrapf(fault.Internal, "no key could be made: %w", err)
	}
	err := writeSecret(file, networkKeyHead+base64.StdEncoding.EncodeToString(k.secret[:])+"\n")
	if err != nil {
		return NetworkKey{}, fault.Wrapf(existsKind(err), "no new network key: %w", err)
	}
	return k, nil
}

// LoadNetworkKey reads a key file: one that GenerateNetworkKey made, or any
// secret of 16 bytes or more, a passphrase for example (blanks and line ends
// around it do not count; Argon2id stretches it, which takes some 50 ms and
// 32 MiB once). It fails with fault.Invalid when others may read the file, or
// it is too short to be a secret.
func LoadNetworkKey(file string) (NetworkKey, error) {
	text, err := readSecret(file)
	if err != nil {
		return NetworkKey{}, fault.Wrapf(readKind(err), "the network key: %w", err)
	}
	text = strings.TrimSpace(text)
	if word, made := strings.CutPrefix(text, networkKeyHead); made {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(word))
		if err != nil || len(raw) != len(NetworkKey{}.secret) {
			return NetworkKey{}, fault.Wrapf(fault.Invalid, "the network key in %s is damaged: copy the file once more", file)
		}
		return NetworkKey{secret: [32]byte(raw), set: true}, nil
	}
	if len(text) < minPassphrase {
		return NetworkKey{}, fault.Wrapf(fault.Invalid, "the network key in %s has %d bytes: a secret has %d or more", file, len(text), minPassphrase)
	}
	return stretch(text), nil
}

// stretch makes a key of a passphrase, slowly, so that guesses are slow too
// (RFC 9106, with a fixed salt: all nodes must come to the same key).
func stretch(passphrase string) NetworkKey {
	raw := argon2.IDKey([]byte(passphrase), []byte("starmesh network key 1"), 2, 32<<10, 1, 32)
	return NetworkKey{secret: [32]byte(raw), set: true, guessable: true}
}

// derive returns a key for one purpose, from which neither the network key nor
// the key for another purpose can be computed (RFC 5869).
func (k NetworkKey) derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, k.secret[:], nil, "starmesh 1 "+purpose, sha256.Size)
	if err != nil {
		panic(err) // only for an impossible length
	}
	return out
}

// Tag names the mesh where others can read it (mDNS, the DHT's protocol name):
// "" for the open mesh, else 16 hex digits that tell nothing, unless the key is
// Guessable: strangers are not to see it then.
func (k NetworkKey) Tag() string {
	if !k.set {
		return ""
	}
	return hex.EncodeToString(k.derive("tag")[:8])
}

const (
	// proofHead is what a node with a network key says first: a node without
	// one takes it for garbage and hangs up.
	proofHead = "starmesh-proof-1"
	nonceLen  = 32
)

// prove shows the other side of a secured connection that this node knows the
// key, and sees to it that the other side does. It is the first thing said on
// a connection. peer/PROTOCOL.md specifies it. The dialler proves first: who
// dials in without the key gets nothing that a guess could be tried on. It
// fails with fault.Unauthorized.
func (k NetworkKey) prove(c io.ReadWriter, dialler bool, local, remote peer.ID) error {
	var err error
	if dialler {
		err = k.proveDialling(c, local, remote)
	} else {
		err = k.proveAccepting(c, local, remote)
	}
	if err != nil {
		return fault.Wrapf(fault.Unauthorized, "%s has not proved the network key (does it have the same one?): %w", remote, err)
	}
	return nil
}

func (k NetworkKey) proveDialling(c io.ReadWriter, local, remote peer.ID) error {
	hello := append([]byte(proofHead), nonce()...)
	if _, err := c.Write(hello); err != nil {
		return err
	}
	mine, theirs := hello[len(proofHead):], make([]byte, nonceLen)
	if _, err := io.ReadFull(c, theirs); err != nil {
		return err
	}
	if _, err := c.Write(k.proof("dialler", local, remote, mine, theirs)); err != nil {
		return err
	}
	return expect(c, k.proof("acceptor", local, remote, mine, theirs))
}

func (k NetworkKey) proveAccepting(c io.ReadWriter, local, remote peer.ID) error {
	if err := expect(c, []byte(proofHead)); err != nil {
		return err
	}
	theirs, mine := make([]byte, nonceLen), nonce()
	if _, err := io.ReadFull(c, theirs); err != nil {
		return err
	}
	if _, err := c.Write(mine); err != nil {
		return err
	}
	if err := expect(c, k.proof("dialler", remote, local, theirs, mine)); err != nil {
		return err
	}
	_, err := c.Write(k.proof("acceptor", remote, local, theirs, mine))
	return err
}

// proof is bound to who says it, to both peer ids (which the secured
// connection has authenticated) and to both nonces, so that it can neither be
// reflected, nor replayed, nor passed on to a third node. Dialler first,
// acceptor second, whoever computes it.
func (k NetworkKey) proof(who string, dialler, acceptor peer.ID, nonceD, nonceA []byte) []byte {
	mac := hmac.New(sha256.New, k.derive("proof by the "+who))
	for _, part := range [][]byte{[]byte(dialler), []byte(acceptor), nonceD, nonceA} {
		mac.Write([]byte{byte(len(part) >> 8), byte(len(part))})
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// expect reads exactly want, compared in constant time.
func expect(r io.Reader, want []byte) error {
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil {
		return err
	}
	if !hmac.Equal(got, want) {
		return fault.Wrapf(fault.Unauthorized, "its proof is wrong")
	}
	return nil
}

func nonce() []byte {
	b := make([]byte, nonceLen)
	rand.Read(b) // never fails (crypto/rand)
	return b
}
