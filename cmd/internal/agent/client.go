package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"starmesh/common/fault"
	"starmesh/common/readable"
)

// maxAnswer bounds what an agent may answer: enough for the table of 10,000
// sockets many times over.
const maxAnswer = 64 << 20

// A Client asks agents and commands them.
type Client struct {
	// Dial opens the connection to an agent; nil: the usual way. A manager
	// whose nodes live in networks of their own reaches them by it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Via carries the question and the answer in place of a connection; nil: there
	// is one.
	Via http.RoundTripper
}

// Fetch is Client.Fetch without anything particular.
func Fetch(ctx context.Context, addr, path string, into any) error {
	return Client{}.Fetch(ctx, addr, path, into)
}

// Fetch asks the agent at addr (HOST:PORT) for a reading, such as /load or
// /sockets, and decodes its JSON into into.
func (c Client) Fetch(ctx context.Context, addr, path string, into any) error {
	return c.ask(ctx, addr, http.MethodGet, path, "", into)
}

// Do gives the agent at addr a command, such as stop, with arguments. token
// may be "" for an agent on this machine; into may be nil.
func (c Client) Do(ctx context.Context, addr, command string, args url.Values, token string, into any) error {
	path := "/" + command
	if len(args) > 0 {
		path += "?" + args.Encode()
	}
	return c.ask(ctx, addr, http.MethodPost, path, token, into)
}

func (c Client) ask(ctx context.Context, addr, method, path, token string, into any) error {
	if err := CheckAddress(addr); err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+addr+path, nil)
	if err != nil {
		return fault.Wrapf(fault.Invalid, "cannot ask the agent at %s for %s: %w", addr, path, err)
	}
	if method == http.MethodPost {
		request.Header.Set(CommandHeader, "1")
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	via := c.Via
	if via == nil {
		// One question, one connection: nothing is left open behind it. No
		// proxy: an agent is asked directly.
		via = &http.Transport{DisableKeepAlives: true, DialContext: c.Dial}
	}
	client := &http.Client{
		Transport: via,
		Timeout:   15 * time.Second,
		// An agent sends nobody elsewhere, and the token is for it alone.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return askError(addr, err)
	}
	defer response.Body.Close()
	return decode(addr, path, response, into)
}

func decode(addr, path string, response *http.Response, into any) error {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("the agent at %s broke off its answer: %w", addr, err)
	case len(body) > maxAnswer:
		return fault.Wrapf(fault.TooLarge, "the agent at %s answers with more than 64 MiB", addr)
	case response.StatusCode != http.StatusOK:
		return fault.Wrapf(statusFault(response.StatusCode), "the agent at %s answers %s to %s: %s",
			addr, readable.Text(response.Status), path, firstLine(string(body)))
	case into == nil:
		return nil
	}
	if err := json.Unmarshal(readable.PlainJSON(body), into); err != nil {
		return fault.Wrapf(fault.Protocol, "what answers at %s is no starmesh agent: %w", addr, err)
	}
	return nil
}

func statusFault(status int) error {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return fault.NotFound
	case http.StatusUnauthorized:
		return fault.Unauthorized
	case http.StatusForbidden:
		return fault.Refused
	}
	return fault.Invalid
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return readable.Cut(readable.Text(line), 300)
}

func askError(addr string, err error) error {
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("no agent answers at %s: is the node running, and was it started with --agent %s? (%w)",
			addr, addr, syscall.ECONNREFUSED)
	}
	var inner *url.Error
	if errors.As(err, &inner) {
		err = inner.Err
	}
	return fmt.Errorf("cannot ask the agent at %s: %w", addr, err)
}
