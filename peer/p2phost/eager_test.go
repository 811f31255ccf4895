package p2phost

import (
	"bytes"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/multiformats/go-multistream"

	"starmesh/common/fault"
)

// TestTLSBeginsBeforeItIsAgreedOn: the dialler goes on before the listener has
// said a word, and what that says first is not taken for TLS.
func TestTLSBeginsBeforeItIsAgreedOn(t *testing.T) {
	tests := []struct {
		name, answer string
		refused      bool
	}{
		{"it agrees", consent, false},
		{"it knows no TLS", line(multistream.ProtocolID) + line("na"), true},
		{"it is something else", "HTTP/1.1 400 Bad Request\r\n\r\n", true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			near, far := net.Pipe()
			defer near.Close()
			var refused atomic.Bool
			c := newEager(near, &refused)
			asked := make(chan []byte, 1)
			go func() {
				defer far.Close()
				buf := make([]byte, len(consent)+len("hello"))
				_, _ = io.ReadFull(far, buf) // before it answers
				asked <- buf
				_, _ = io.WriteString(far, test.answer)
				if !test.refused {
					_, _ = io.WriteString(far, "welcome")
				}
			}()
			proto, err := multistream.SelectOneOf([]string{"/tls/1.0.0", "/noise"}, c)
			if err != nil || proto != "/tls/1.0.0" {
				t.Fatalf("agreed on %q: %v", proto, err)
			}
			if _, err := io.WriteString(c, "hello"); err != nil {
				t.Fatal(err)
			}
			if got := <-asked; !bytes.Equal(got, []byte(consent+"hello")) {
				t.Errorf("it was asked %q", got)
			}
			got, err := io.ReadAll(c)
			if test.refused != errors.Is(err, fault.Protocol) || test.refused != refused.Load() {
				t.Errorf("refused %t: %v", refused.Load(), err)
			}
			if !test.refused && string(got) != "welcome" {
				t.Errorf("read %q: %v", got, err)
			}
			if _, patient := newEager(near, &refused).(*eager); patient == test.refused {
				t.Error("the next node is not asked first, or is for no reason")
			}
		})
	}
}
