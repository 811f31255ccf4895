package p2phost

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io/fs"
	"strings"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/stuck"
)

// An Identity is a node's Ed25519 key pair. Others know the node by its public
// half, the peer id.
type Identity struct {
	key  crypto.PrivKey
	id   peer.ID
	file string // "": it is in none
}

// LoadIdentity reads the key in file, so that a node keeps its id across runs;
// when there is no such file it makes a new key and keeps it there, for the
// owner's eyes only (the file 0600, a folder that has to be made 0700). With
// file "" the identity is new and lasts for this run. It fails with
// fault.Invalid when the file holds no key or others may read it.
func LoadIdentity(file string) (Identity, error) {
	if file == "" {
		return newIdentity()
	}
	for range 2 { // once more when somebody else has made it meanwhile
		text, err := readSecret(file)
		if err == nil {
			i, err := parseIdentity(file, text)
			i.file = file
			return i, err
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return Identity{}, err
		}
		made, err := newIdentity()
		if err != nil {
			return Identity{}, err
		}
		err = made.keep(file)
		if err == nil {
			made.file = file
			return made, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return Identity{}, err
		}
	}
	return Identity{}, fault.Wrapf(fault.InUse, "the identity file %s appears and vanishes: is another program using it?", file)
}

func newIdentity() (Identity, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return Identity{}, fault.Wrapf(fault.Internal, "no identity could be made: %w", err)
	}
	return identityOf(key)
}

func identityOf(key crypto.PrivKey) (Identity, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return Identity{}, fault.Wrapf(fault.Invalid, "the identity's key can not be used: %w", err)
	}
	return Identity{key: key, id: id}, nil
}

// keep writes the key to file, which must not exist.
func (i Identity) keep(file string) error {
	raw, err := crypto.MarshalPrivateKey(i.key)
	if err != nil {
		return fault.Wrapf(fault.Internal, "the identity could not be written: %w", err)
	}
	return writeSecret(file, identityHead+base64.StdEncoding.EncodeToString(raw)+"\n")
}

// hold keeps the identity for one node until release. Two nodes of one id would
// take each other's connections: others believe that they speak with one. It
// fails with fault.InUse while another node of this machine holds it.
func (i Identity) hold() (release func(), err error) {
	if i.file == "" {
		return func() {}, nil
	}
	f, err := stuck.Open(i.file)
	if err != nil {
		return nil, fault.Wrapf(readKind(err), "the identity file can not be read: %w", err)
	}
	busy, err := store.TryLock(f)
	if !busy && (err == nil || errors.Is(err, errors.ErrUnsupported)) {
		return func() { _ = f.Close() }, nil // it was only read from
	}
	_ = f.Close()
	if err != nil {
		return nil, fault.Wrapf(fault.Internal, "the identity file %s can not be locked: %w", i.file, err)
	}
	return nil, fault.Wrapf(fault.InUse, "the identity in %s is in use: another node runs with it; give this one a file of its own, or none for a new id", i.file)
}

// identityHead begins an identity file, so that it is not taken for another
// kind of key.
const identityHead = "starmesh-identity-1 "

// parseIdentity reads what keep wrote. What the file holds is in no message.
func parseIdentity(file, text string) (Identity, error) {
	word, ok := strings.CutPrefix(strings.TrimSpace(text), strings.TrimSpace(identityHead))
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(word))
	if !ok || err != nil {
		return Identity{}, fault.Wrapf(fault.Invalid, "%s is no identity file (it begins with %q); take another name, or move it away for a new identity", file, strings.TrimSpace(identityHead))
	}
	key, err := crypto.UnmarshalPrivateKey(raw)
	if err != nil || key.Type() != crypto.Ed25519 {
		return Identity{}, fault.Wrapf(fault.Invalid, "the identity file %s is damaged; restore it, or move it away for a new identity", file)
	}
	return identityOf(key)
}

// ID is the peer id, as others know this node (12D3Koo…).
func (i Identity) ID() string { return i.id.String() }

// known returns whether i was loaded or made.
func (i Identity) known() bool { return i.key != nil }
