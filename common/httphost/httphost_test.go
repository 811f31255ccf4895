package httphost

import (
	"os"
	"strings"
	"testing"
)

func TestNamesThatAServerIsAskedBy(t *testing.T) {
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	known := Names{"files.example.org"}
	for _, host := range []string{
		"", "127.0.0.1", "127.0.0.1:80", "[::1]:80", "::1", "192.0.2.1:8080", "localhost", "LOCALHOST.:80",
		"files.example.org", "Files.Example.Org.:8080", "origin:7071", own, strings.ToUpper(own) + ":80",
		"printer.local", "a.svc.cluster.local:80", "nas.home.arpa", "x.internal",
	} {
		if !known.Allow(host) {
			t.Errorf("%q is not taken", host)
		}
	}
	for _, host := range []string{
		"evil.example", "evil.example:8080", "evil.example.", "files.example.org.evil.example", "localhost.evil.example",
		"127.0.0.1.evil.example", "local.example", "notlocal.org", "evil.example:80:80", "origin.evil.example",
	} {
		if known.Allow(host) {
			t.Errorf("%q is taken", host)
		}
	}
}
