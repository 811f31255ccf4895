package fleet

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base32"
	"fmt"
	"os"
	"strings"

	"starmesh/common/fault"
)

// CodeVariable is the environment variable from which a node takes the code. A
// command line can be read by everyone on the machine.
const CodeVariable = "STARMESH_LAB_CODE"

// A Code is the secret that a manager and its nodes share: 128 random bits.
type Code [16]byte

var codeText = base32.StdEncoding.WithPadding(base32.NoPadding)

// NewCode makes a code that nobody knows yet.
func NewCode() (c Code) {
	_, _ = rand.Read(c[:]) // it never fails
	return c
}

// ParseCode reads a code as String writes it, in whatever case; fault.Invalid
// if it is none. The error does not repeat it.
func ParseCode(text string) (c Code, err error) {
	secret, err := codeText.DecodeString(strings.ToUpper(strings.TrimSpace(text)))
	if err != nil || copy(c[:], secret) != len(c) || len(secret) != len(c) {
		return Code{}, fault.Wrapf(fault.Invalid, "that is no code: it has %d letters and digits, as the manager has printed them", codeText.EncodedLen(len(c)))
	}
	return c, nil
}

// String writes the code in base32 (RFC 4648): 26 letters and digits.
func (c Code) String() string { return codeText.EncodeToString(c[:]) }

// The two sides of a connection, as their proofs name them.
const (
	nodeSide    = "node"
	managerSide = "manager"
)

const proofSize = sha256.Size

// proof shows to whoever knows the code that this side does, on this connection
// alone: HMAC-SHA256 with the code as its key, over the side's name and keying
// material that only the two ends of the connection have (RFC 5705, RFC 8446
// §7.5).
func (c Code) proof(side string, conn *tls.Conn) ([]byte, error) {
	state := conn.ConnectionState()
	material, err := state.ExportKeyingMaterial("EXPORTER-starmesh-fleet", nil, 32)
	if err != nil {
		return nil, fmt.Errorf("cannot prove the code on this connection: %w", err)
	}
	mac := hmac.New(sha256.New, c[:])
	mac.Write([]byte(side))
	mac.Write(material)
	return mac.Sum(nil), nil
}

// proves reports whether proof is that of the side, on this connection.
func (c Code) proves(proof []byte, side string, conn *tls.Conn) bool {
	want, err := c.proof(side, conn)
	return err == nil && hmac.Equal(want, proof)
}

// CodeFromEnvironment takes the code from the environment, if it is there:
// programs that are started get none of it.
func CodeFromEnvironment() (code Code, ok bool, err error) {
	text, ok := os.LookupEnv(CodeVariable)
	if !ok {
		return code, false, nil
	}
	_ = os.Unsetenv(CodeVariable) // fails only for names that cannot be
	if code, err = ParseCode(text); err != nil {
		err = fault.Wrapf(fault.Invalid, "$%s: %w", CodeVariable, err)
	}
	return code, true, err
}
