// Package agenttest serves what is asked over HTTP in a lab, agents and the
// dashboard, for the time of a test, and asks it as any stranger could.
package agenttest

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
)

// Serve calls serve with ln until the test ends or end is called, and fails the
// test if serve does.
func Serve(t *testing.T, ln net.Listener, serve func(context.Context, net.Listener) error) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return cancel
}

// Ask sends a request on a connection of its own and returns the answer's
// status, body and header. Host among the headers is the name that is asked
// for.
func Ask(t *testing.T, method, addr, path string, header map[string]string) (int, string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header.Set(name, value)
	}
	response, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body), response.Header
}
