package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"starmesh/cmd/internal/fleet"
	"starmesh/common/fault"
	"starmesh/common/readable"
)

// A Remote is a node's worker, as its manager sees it.
type Remote struct{ *fleet.Member }

// askTime is how long the manager waits for an answer that takes no work.
const askTime = 15 * time.Second

// ask has an operation done and decodes its answer into into, which may be nil.
// The errors name the node.
func (m Remote) ask(ctx context.Context, method, path string, send, into any) error {
	text, err := json.Marshal(send)
	if err != nil {
		return err
	}
	response, err := m.do(ctx, method, path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if into == nil {
		return nil
	}
	if err := answered(response.Body, into); err != nil {
		return fault.Wrapf(fault.Protocol, "%s: its answer cannot be read: %w", m.Name, err)
	}
	return nil
}

// do sends a request. The response is one of success; the caller closes its
// body.
func (m Remote) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "https://node"+path, body)
	if err != nil {
		return nil, err
	}
	response, err := m.RoundTrip(request)
	if errors.Is(err, fault.Closed) {
		return nil, err // it says itself who has left
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer response.Body.Close()
	var why refusal
	if answered(response.Body, &why) != nil {
		why = refusal{fault.Code(fault.Protocol), "it answers " + response.Status + " to " + path}
	}
	return nil, fmt.Errorf("%s: %w", m.Name, fault.FromCode(why.Code, readable.Cut(readable.Text(why.Text), 500), 0))
}

// answered reads an answer, with plain texts only.
func answered(from io.Reader, into any) error {
	text, err := io.ReadAll(io.LimitReader(from, maxJSON))
	if err != nil {
		return err
	}
	return json.Unmarshal(readable.PlainJSON(text), into)
}

// query writes the arguments of a request.
func query(path string, args map[string]string) string {
	values := make(url.Values)
	for name, value := range args {
		values.Set(name, value)
	}
	return path + "?" + values.Encode()
}
