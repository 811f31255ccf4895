package dashboard

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/agent/agenttest"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// commanded is a Control to which anything may be said.
type commanded struct{ told []string }

func (c *commanded) Do(_ context.Context, _, node, action string) error {
	c.told = append(c.told, action+" "+node)
	return nil
}
func (*commanded) Sockets(context.Context, string, string) ([]load.SocketRow, error) { return nil, nil }

func TestTheAgentsTokenLetsOtherMachinesCommandALab(t *testing.T) {
	const token = "0123456789abcdef"
	t.Setenv(agent.TokenVariable, token)
	page, err := Listen(t.Context(), "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes := &commanded{}
	end := agenttest.Serve(t, page.ln, func(ctx context.Context, _ net.Listener) error { return page.Serve(ctx, nodes) })
	defer end()
	for _, c := range []struct {
		token string
		want  int
	}{{"", 401}, {"fedcba9876543210", 401}, {token, 200}} {
		header := map[string]string{"X-Forwarded-For": "192.0.2.1"}
		if c.token != "" {
			header["Authorization"] = "Bearer " + c.token
		}
		if status, body, _ := agenttest.Ask(t, "POST", page.ln.Addr().String(), "/kill?run=t&node=n", header); status != c.want {
			t.Errorf("with token %q: %d %s want %d", c.token, status, body, c.want)
		}
	}
	if len(nodes.told) != 1 || nodes.told[0] != "kill n" {
		t.Errorf("it was told %q", nodes.told)
	}
}

func TestADashboardWithATokenThatCanBeGuessedIsRefused(t *testing.T) {
	t.Setenv(agent.TokenVariable, "secret")
	if page, err := Listen(t.Context(), "127.0.0.1:0", nil); !errors.Is(err, fault.Invalid) {
		t.Errorf("%v, %v", page, err)
	}
}

// TestAPageThatListensEverywhereSaysHowOthersReachIt: localhost is somebody
// else's own machine.
func TestAPageThatListensEverywhereSaysHowOthersReachIt(t *testing.T) {
	for ip, others := range map[string]bool{"127.0.0.1": false, "192.0.2.1": false, "0.0.0.0": true, "::": true} {
		where := Where(&net.TCPAddr{IP: net.ParseIP(ip), Port: 8080})
		if strings.Contains(where, "from other machines http://") != others || !strings.HasPrefix(where, "http://") {
			t.Errorf("%s: %s", ip, where)
		}
	}
}
