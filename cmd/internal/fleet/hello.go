package fleet

import (
	"encoding/json"
	"io"
	"net/netip"
	"strings"

	"starmesh/common/fault"
	"starmesh/common/frame"
	"starmesh/common/readable"
)

// Version is that of the protocol.
const Version = 1

// The messages before the roles are turned round.
const (
	typeHello   frame.Type = 0x01
	typeWelcome frame.Type = 0x02
	typeRefused frame.Type = 0x03
)

// maxMessage bounds the body of each of them in bytes.
const maxMessage = 4 << 10

// Hello is what a node says of itself. All of it is the node's word alone.
type Hello struct {
	Protocol int        `json:"protocol"` // Version
	Program  string     `json:"program"`  // the version of the program
	Name     string     `json:"name"`     // it would like to be called so
	Host     string     `json:"host"`     // the machine's name
	OS       string     `json:"os"`       // linux/amd64
	CPUs     int        `json:"cpus"`
	Address  netip.Addr `json:"address"`        // its own end of the connection
	Push     bool       `json:"push,omitempty"` // it keeps files that are pushed
}

// Welcome is what the manager answers to a node that has proven the code.
type Welcome struct {
	Program string `json:"program"` // the version of the manager's program
	Name    string `json:"name"`    // the node is called so
	// Beside is a node that has joined from the same machine before; "": none.
	Beside string `json:"beside,omitempty"`
}

// Refused is why a node is not taken.
type Refused struct {
	Code uint16 `json:"code"` // of package fault
	Text string `json:"text"`
}

// maxName bounds the names of nodes, machines and versions in bytes.
const maxName = 64

// check refuses what no node says of itself.
func (h *Hello) check() error {
	if !IsName(h.Name) {
		return fault.Wrapf(fault.Invalid, "%q is no name for a node: letters, digits, '-', '_' and '.', %d at the most", readable.Cut(readable.Text(h.Name), maxName), maxName)
	}
	for _, text := range []string{h.Program, h.Host, h.OS} {
		if len(text) > maxName || readable.Text(text) != text {
			return fault.Wrapf(fault.Invalid, "%s says of itself what cannot be printed", h.Name)
		}
	}
	return nil
}

// IsName reports whether a node may be called so: the name is part of names of
// files.
func IsName(name string) bool {
	if name == "" || len(name) > maxName || name[0] == '.' || name[0] == '-' {
		return false
	}
	for _, c := range []byte(name) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.':
		default:
			return false
		}
	}
	return true
}

// NameOf makes a name for a node of that of its machine.
func NameOf(host string) string {
	name := strings.Map(func(r rune) rune {
		if IsName("x" + string(r)) {
			return r
		}
		return '-'
	}, host)
	if name = strings.TrimLeft(name[:min(len(name), maxName)], "-."); name == "" {
		return "node"
	}
	return name
}

// send writes a message: the proof, which may be nothing, and v as JSON.
func send(w io.Writer, t frame.Type, proof []byte, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(frame.Append(nil, t, append(proof, text...)))
	return err
}

// receive reads a message, whose body begins with a proof unless it is a
// refusal. Whatever comes is fault.Protocol if it is none, and fault.TooLarge
// if it is too long.
func receive(r io.Reader) (t frame.Type, proof, text []byte, err error) {
	t, body, err := frame.Read(r, maxMessage, nil)
	if err != nil {
		return t, nil, nil, err
	}
	if t == typeRefused {
		return t, nil, body, nil
	}
	d := frame.Decoder{Rest: body}
	proof = d.Take(proofSize)
	return t, proof, d.Rest, d.Err
}

// decode reads the JSON of a message.
func decode(text []byte, into any) error {
	if err := json.Unmarshal(text, into); err != nil {
		return fault.Wrapf(fault.Protocol, "a message that is no JSON: %w", err)
	}
	return nil
}

// err is the refusal as an error, in the words of the other side.
func (r *Refused) err() error {
	return fault.FromCode(r.Code, readable.Cut(readable.Text(r.Text), 500), 0)
}
