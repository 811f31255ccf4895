package p2phost

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What PROTOCOL.md says of proofs and of what a host bears is what the code does.

func protocolText(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTheDocumentsProofIsOurs(t *testing.T) {
	key := NetworkKey{set: true}
	for i := range key.secret {
		key.secret[i] = byte(i)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(" correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	phrase, err := LoadNetworkKey(file)
	if err != nil {
		t.Fatal(err)
	}
	d, a := decodeID(t, anID), decodeID(t, anRSAID)
	nonceD, nonceA := bytes.Repeat([]byte{0xd0}, nonceLen), bytes.Repeat([]byte{0xa0}, nonceLen)
	for row, want := range map[string]string{
		"proof by the dialler":  hex.EncodeToString(key.proof("dialler", d, a, nonceD, nonceA)),
		"proof by the acceptor": hex.EncodeToString(key.proof("acceptor", d, a, nonceD, nonceA)),
		"tag":                   key.Tag(),
		"proof by the dialler, of the passphrase `correct horse battery staple`": hex.EncodeToString(phrase.proof("dialler", d, a, nonceD, nonceA)),
	} {
		if !strings.Contains(protocolText(t), "| "+row+" | "+want+" |") {
			t.Errorf("%s is %s in the code, not in the document", row, want)
		}
	}
}

func TestTheDocumentHasWhatMayBeQueued(t *testing.T) {
	for _, want := range []string{
		"\n| time queued | " + strconv.Itoa(int(queueTime.Milliseconds())) + " ms |",
		"\n| least queued | " + strconv.Itoa(minQueue>>10) + " KiB |",
	} {
		if !strings.Contains(protocolText(t), want) {
			t.Errorf("the document does not say %q", want)
		}
	}
}

func TestTheDocumentHasTheHostsLimits(t *testing.T) {
	relayed := relayResources()
	for row, want := range map[string]int{
		"address, bytes": MaxAddrBytes, "addresses kept of one peer": maxAddrsPeer,
		"connections": maxConns, "connections with one address": maxConnsAddress, "connections with one peer": maxConnsPeer,
		"connections that have not said who they are":                                 maxHandshakes,
		"new connections from one address at once":                                    newConnsBurst,
		"new connections from one address each second after that":                     newConnsRate,
		"streams with one peer":                                                       maxStreamsPeer,
		"connections from which on those with members of the fewest files are closed": connsHigh,
		"nodes that a relay holds a place for":                                        relayed.MaxReservations,
		"of them behind one address":                                                  relayed.MaxReservationsPerIP,
		"relayed connections of one node":                                             relayed.MaxCircuits,
		"relayed connection: bytes each way":                                          int(relayed.Limit.Data),
	} {
		if !strings.Contains(protocolText(t), "\n| "+row+" | "+strconv.Itoa(want)+" |") {
			t.Errorf("%q is %d in the code, not in the document", row, want)
		}
	}
	for row, want := range map[string]float64{
		"a connection on which nothing is heard: the other side is asked whether it is there": quietTime.Seconds(),
		"… and given up when it does not answer":                                              frameTime.Seconds(),
		"proof of the network key":                                                            proofTime.Seconds(), "dialling": dialTime.Seconds(),
		"relayed connection": relayed.Limit.Duration.Seconds(), "a direct connection after it": punchTime.Seconds(),
	} {
		if !strings.Contains(protocolText(t), "\n| "+row+" | "+strconv.Itoa(int(want))+" s |") {
			t.Errorf("%q takes %v s in the code, not in the document", row, want)
		}
	}
}
