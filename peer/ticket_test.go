package peer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/mr-tron/base58"
	ma "github.com/multiformats/go-multiaddr"

	"starmesh/common/content"
	"starmesh/common/fault"
)

const (
	anID     = "12D3KooWD3bfmNbuuuVCYwkjnFt3ukm3qaB3hDED3peHHXawvRAi"
	anRSAID  = "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N" // a hash of a key
	aFileID  = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	anIPv6   = "/ip6/2001:db8::7/udp/4001/quic-v1"
	aRelayed = "/ip4/203.0.113.9/tcp/4001/p2p/" + anRSAID + "/p2p-circuit"
)

func decodeID(t testing.TB, s string) peer.ID {
	t.Helper()
	id, err := peer.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func addrsOf(texts ...string) []ma.Multiaddr {
	var out []ma.Multiaddr
	for _, s := range texts {
		out = append(out, ma.StringCast(s))
	}
	return out
}

func someTickets(t testing.TB) map[string]Ticket {
	file, err := content.ParseID(aFileID)
	if err != nil {
		t.Fatal(err)
	}
	one, other := decodeID(t, anID), decodeID(t, anRSAID)
	return map[string]Ticket{
		"small":      {ID: file, Name: "a"},
		"one node":   {ID: file, Name: "model.bin", Size: 5 << 30, Peers: []peer.AddrInfo{{ID: one, Addrs: addrsOf("/ip4/203.0.113.7/tcp/4001")}}},
		"collection": {ID: file, Name: "photos/2026 été", Size: content.MaxSize, Collection: true},
		"many": {ID: file, Name: "x", Size: 1, Peers: []peer.AddrInfo{
			{ID: one, Addrs: addrsOf("/ip4/203.0.113.7/tcp/4001", anIPv6, "/dns4/mesh.example.org/tcp/443")},
			{ID: other, Addrs: addrsOf(aRelayed)}, {ID: one},
		}},
		"long name": {ID: file, Name: strings.Repeat(strings.Repeat("n", 255)+"/", 15) + "end", Size: 7},
	}
}

func TestATicketComesBackAsItWas(t *testing.T) {
	for name, want := range someTickets(t) {
		text := want.String()
		got, err := ParseTicket(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
		if strings.Trim(strings.TrimPrefix(text, "mesh:"), "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz123456789") != "" {
			t.Errorf("%s: a double click does not take %s", name, text)
		}
		if name == "one node" && len(text) > 160 {
			t.Errorf("%d characters for the simplest ticket", len(text))
		}
		wrapped := "  " + text[:20] + "\r\n" + text[20:] + "\n"
		if again, err := ParseTicket(wrapped); err != nil || again.String() != text {
			t.Errorf("%s: wrapped by a mail program: %v", name, err)
		}
	}
}

func TestAMistypedOrCutTicketIsNamedAsSuch(t *testing.T) {
	text := someTickets(t)["many"].String()
	for i := len(ticketScheme); i < len(text); i++ {
		letter := byte('z')
		if text[i] == letter {
			letter = 'y'
		}
		for what, bad := range map[string]string{
			"mistyped": text[:i] + string(letter) + text[i+1:], "cut": text[:i], "without a letter": text[:i] + text[i+1:],
		} {
			if bad == text {
				continue // one of two equal letters is gone
			}
			_, err := ParseTicket(bad)
			if !errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "mistyped") {
				t.Fatalf("%s at %d: %v", what, i, err)
			}
		}
	}
}

// sealed returns a ticket with these bytes and a right checksum.
func sealed(b []byte) string { return ticketScheme + base58.Encode(append(b, checksum(b)...)) }

// unsealed returns a ticket's bytes without the checksum.
func unsealed(t testing.TB, text string) []byte {
	b, err := base58.Decode(strings.TrimPrefix(text, ticketScheme))
	if err != nil {
		t.Fatal(err)
	}
	return b[:len(b)-checksumLen]
}

func TestEveryFieldOfATicketIsChecked(t *testing.T) {
	good := someTickets(t)
	id, _ := content.ParseID(aFileID)
	at := func(addr string) Ticket {
		return Ticket{ID: id, Name: "n", Peers: []peer.AddrInfo{{ID: decodeID(t, anID), Addrs: addrsOf(addr)}}}
	}
	newer := unsealed(t, good["small"].String())
	newer[0] = 9
	flagged := unsealed(t, good["small"].String())
	flagged[1] |= 0x80
	for name, c := range map[string]struct {
		text string
		kind error
	}{
		"nothing":             {"", fault.Invalid},
		"something else":      {"magnet:?xt=urn:btih:x", fault.Invalid},
		"only the scheme":     {"mesh:", fault.Invalid},
		"far too long":        {"mesh:" + strings.Repeat("1", 1<<20), fault.Invalid},
		"a newer kind":        {sealed(newer), fault.Version},
		"an unknown flag":     {sealed(flagged), fault.Invalid},
		"bytes behind":        {sealed(append(unsealed(t, good["small"].String()), 0)), fault.Invalid},
		"a name upwards":      {Ticket{ID: id, Name: "../up"}.String(), fault.Invalid},
		"no name":             {Ticket{ID: id}.String(), fault.Invalid},
		"no file":             {Ticket{Name: "n"}.String(), fault.Invalid},
		"too large":           {Ticket{ID: id, Name: "n", Size: content.MaxSize + 1}.String(), fault.Invalid},
		"negative":            {Ticket{ID: id, Name: "n", Size: -1}.String(), fault.Invalid},
		"port 0":              {at("/ip4/203.0.113.7/tcp/0").String(), fault.Invalid},
		"everywhere":          {at("/ip4/0.0.0.0/tcp/4001").String(), fault.Invalid},
		"an unknown way":      {at("/ip4/203.0.113.7/tcp/4001/ws").String(), fault.Invalid},
		"an address too long": {at("/dns/" + strings.Repeat("a", 600) + "/tcp/1").String(), fault.Invalid},
	} {
		if _, err := ParseTicket(c.text); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestATicketHasNoMoreThanEightAddresses(t *testing.T) {
	ticket := someTickets(t)["small"]
	for i := range 12 {
		ticket.Peers = append(ticket.Peers, peer.AddrInfo{ID: decodeID(t, anID), Addrs: addrsOf("/ip4/203.0.113.7/tcp/1", "/ip4/203.0.113.7/tcp/2")[:1+i%2]})
	}
	got, err := ParseTicket(ticket.String())
	if err != nil || countAddrs(got.Peers) != maxTicketAddrs || len(got.Peers) > maxTicketPeers {
		t.Errorf("%d addresses of %d peers, %v", countAddrs(got.Peers), len(got.Peers), err)
	}
}

func FuzzTicket(f *testing.F) {
	for _, ticket := range someTickets(f) {
		f.Add(unsealed(f, ticket.String()))
	}
	f.Add([]byte{ticketVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		text := sealed(b)
		ticket, err := ParseTicket(text)
		if err != nil {
			if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.Version) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if again := ticket.String(); again != text {
			t.Errorf("one ticket, two texts:\n%s\n%s", text, again)
		}
	})
}

func FuzzTicketText(f *testing.F) {
	for _, ticket := range someTickets(f) {
		f.Add(ticket.String())
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ticket, err := ParseTicket(text); err == nil && ticket.String() != strings.Join(strings.Fields(text), "") {
			t.Errorf("%q became %q", text, ticket.String())
		}
	})
}

func TestRandomTickets(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := someTickets(t)["many"]
	for range 200 {
		want := base
		want.Size, want.Collection = r.Int64N(content.MaxSize), r.IntN(2) == 0
		for i := range want.ID {
			want.ID[i] = byte(r.Uint32())
		}
		want.Peers = base.Peers[:r.IntN(len(base.Peers)+1)]
		got, err := ParseTicket(want.String())
		if len(want.Peers) == 0 {
			want.Peers = nil
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %+v, %v", want, got, err)
		}
	}
}

func TestTheDocumentsTicketIsOurs(t *testing.T) {
	want := someTickets(t)["one node"]
	_, example, ok := strings.Cut(protocolText(t), "\n### A ticket\n")
	word := regexp.MustCompile(`mesh:\w+`).FindString(example)
	if !ok || word != want.String() {
		t.Errorf("the document has %q, the code makes %q", word, want)
	}
	dump := regexp.MustCompile("(?s)```\n(01 00 [0-9a-f \n]+)```").FindStringSubmatch(example)
	if dump == nil {
		t.Fatal("no bytes")
	}
	got, err := hex.DecodeString(strings.Join(strings.Fields(dump[1]), ""))
	body := unsealed(t, want.String())
	if err != nil || !bytes.Equal(got, append(body, checksum(body)...)) {
		t.Errorf("the document has other bytes: %x, %v", got, err)
	}
}

func TestTheDocumentHasTheTicketsLimits(t *testing.T) {
	for row, want := range map[string]int{"nodes in a ticket": maxTicketPeers, "addresses in a ticket": maxTicketAddrs} {
		if !strings.Contains(protocolText(t), "\n| "+row+" | "+strconv.Itoa(want)+" |") {
			t.Errorf("%q is %d in the code, not in the document", row, want)
		}
	}
}

func TestTicketsAndAddressesCanBeJoined(t *testing.T) {
	ticket := someTickets(t)["many"].String()
	peers, err := parseJoin([]string{"/ip4/203.0.113.7/tcp/4001/p2p/" + anID, ticket})
	if err != nil || len(peers) != 1+len(someTickets(t)["many"].Peers) {
		t.Errorf("got %v, %v", peers, err)
	}
	for _, bad := range []string{"mesh:nonsense", "203.0.113.7:4001"} {
		if _, err := parseJoin([]string{bad}); !errors.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
