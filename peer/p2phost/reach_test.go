package p2phost

import (
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
)

// TestAClockThatIsWrongIsTold: libp2p's certificates are of the hour before they
// were made, and so not yet valid to whom it is earlier.
func TestAClockThatIsWrongIsTold(t *testing.T) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for ahead, valid := range map[time.Duration]bool{0: true, 2 * time.Hour: false} {
		made := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(ahead - time.Hour), NotAfter: now.AddDate(100, 0, 0)}
		identity, err := tls.NewIdentity(key, tls.WithCertTemplate(made))
		if err != nil {
			t.Fatal(err)
		}
		cfg, _ := identity.ConfigForPeer("")
		cert, err := x509.ParseCertificate(cfg.Certificates[0].Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		_, err = tls.PubKeyFromCertChain([]*x509.Certificate{cert})
		if valid != (err == nil) || err != nil && !strings.Contains(reason(err).Error(), "do their clocks differ") {
			t.Errorf("%v ahead: %v", ahead, err)
		}
	}
}
