package runner_test

import (
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/system"
)

func TestACommandLineIsMadeOfASpecAndASite(t *testing.T) {
	at := runner.Site{Host: "192.0.2.7", File: "/here/f", Folder: "/here/got", Cache: "/here/ids", Identity: "/here/key", Log: "/here/n.jsonl"}
	watched := " --node n --load-log /here/n.jsonl --load-interval 1s --agent 127.0.0.1:0"
	for _, c := range []struct {
		spec runner.Spec
		want string
	}{
		{
			runner.Spec{System: system.Star, Origin: true, Up: 2.5e6},
			"central serve /here/f --listen 192.0.2.7:0 --cache /here/ids --grace 100ms" + watched + " --up 2500000B/s",
		},
		{
			runner.Spec{System: system.Star, File: "f", Way: system.Told{Listen: "192.0.2.1:7"}, Hold: true, Down: 0.5},
			"central get 192.0.2.1:7 f -o /here/got/ --retry-for 24h" + watched + " --hold --down 0.5B/s",
		},
		{
			runner.Spec{System: system.Mesh, Way: system.Told{Ticket: "mesh:x"}, Misbehave: "lie"},
			"peer get mesh:x -o /here/got/ --stay forever --retry-for forever --no-mdns --listen /ip4/192.0.2.7/tcp/0 --listen /ip4/192.0.2.7/udp/0/quic-v1" + watched + " --misbehave lie",
		},
		{
			runner.Spec{System: system.HTTPClose, Origin: true, Delay: 25 * time.Millisecond, AcceptPause: time.Second},
			"central serve /here/f --listen 192.0.2.7:0 --cache /here/ids --grace 100ms --http 192.0.2.7:0" + watched + " --delay 25ms --accept-slowly 1s",
		},
		{
			runner.Spec{System: system.Mesh, Origin: true, AcceptPause: time.Second}, // it has no gate
			"peer serve /here/f --cache /here/ids --no-mdns --identity /here/key --listen /ip4/192.0.2.7/tcp/0 --listen /ip4/192.0.2.7/udp/0/quic-v1" + watched,
		},
	} {
		c.spec.Node, c.spec.Interval = "n", time.Second
		how := &system.Named(c.spec.System).Launch
		if got := strings.Join(c.spec.Args(how, at), " "); got != c.want {
			t.Errorf("%+v became\n%s\nnot\n%s", c.spec, got, c.want)
		}
	}
}
