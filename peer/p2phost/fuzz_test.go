package p2phost

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"unicode"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// FuzzParsePeer: an address that is accepted names one node, and is read from
// how it is written.
func FuzzParsePeer(f *testing.F) {
	const id = "/p2p/12D3KooWEST3gFfSyYwbYHCunRSnuhvySUsaMepRRm4J4xBcrz53"
	for _, text := range []string{"/ip4/1.2.3.4/tcp/4001" + id, "/ip6/::1/udp/1/quic-v1" + id, "/dns/x/tcp/1" + id, "/ip4/1.2.3.4/tcp/4001", id, "1.2.3.4:4001", "/ip6zone/\x1b[2J/ip6/fe80::1/tcp/1" + id} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		info, err := ParsePeer(text)
		if err != nil {
			return
		}
		if strings.ContainsFunc(info.Addrs[0].String(), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q would be printed raw", info.Addrs[0])
		}
		addrs, err := peer.AddrInfoToP2pAddrs(&info)
		if err != nil || len(addrs) != 1 {
			t.Fatalf("%q is taken, and written as %v, %v", text, addrs, err)
		}
		again, err := ParsePeer(addrs[0].String())
		if err != nil || again.ID != info.ID || !ma.Multiaddr.Equal(again.Addrs[0], info.Addrs[0]) {
			t.Errorf("%q became %v, %v", text, again, err)
		}
	})
}

// FuzzParseIdentity: what is taken for an identity is one that can be kept.
func FuzzParseIdentity(f *testing.F) {
	f.Add(identityHead + "CAESQA==")
	f.Add(identityHead + "CAESQKUjuNZdDeNwAF01ZrZ3zUNQ5L/k0wG9HH2FmtJpiRn3BOLJ97OYyQB9Y2ghZ3cmGfD7y4yBYq9WkSuwYDrcb1A=\n")
	f.Add("starmesh-network-key-1 AAAA")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseIdentity("file", text)
		if err == nil && (!id.known() || id.ID() == "") {
			t.Errorf("%q is taken for an identity, and is none", text)
		}
	})
}

// FuzzProof: whoever does not know the key proves nothing, on either side, and
// says no more bytes than a proof has before he is found out.
func FuzzProof(f *testing.F) {
	f.Add([]byte{}, false)
	f.Add(append([]byte(proofHead), make([]byte, 200)...), false)
	f.Add(make([]byte, 64), true)
	key := testKey("key")
	f.Fuzz(func(t *testing.T, said []byte, dialler bool) {
		said = append(said, make([]byte, 1<<10)...)
		r := bytes.NewReader(said)
		c := struct {
			io.Reader
			io.Writer
		}{r, io.Discard}
		if err := key.prove(c, dialler, "here", "there"); err == nil {
			t.Errorf("%x is taken for a proof", said)
		}
		if read := len(said) - r.Len(); read > len(proofHead)+nonceLen+32 {
			t.Errorf("%d bytes were read of one who proves nothing", read)
		}
	})
}

// FuzzRecords: following TLS records in what a stranger sends never waits for
// more than may come, whatever it is and however it is cut.
func FuzzRecords(f *testing.F) {
	f.Add([]byte("\x13/multistream/1.0.0\n\x16\x03\x01\x00\x05hello\x17\x03\x03\x40\x00"), byte(3), 70_000)
	f.Add([]byte("\x00/"), byte(1), 0)
	f.Add([]byte("\x17\x03\x03\xff\xff"), byte(2), -1)
	f.Fuzz(func(t *testing.T, said []byte, step byte, more int) {
		r := &records{tell: func(int) error { return nil }, told: 1, more: max(0, min(more, 1<<30))}
		for len(said) > 0 {
			n := min(len(said), int(step)+1)
			r.follow(said[:n])
			said = said[n:]
			if want := r.certain(); want < 1 || want > maxWaiting {
				t.Fatalf("waits for %d bytes", want)
			}
			if r.left < 0 || len(r.head) > recordHeader {
				t.Fatalf("lost its place: %+v", r)
			}
		}
	})
}
