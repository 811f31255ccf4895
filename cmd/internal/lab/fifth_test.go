package lab

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/agent"
	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/faultinject"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runner"
	"starmesh/cmd/internal/lab/scenario"
	"starmesh/cmd/internal/lab/system"
	"starmesh/common/load"
)

// brigade is a system that nobody has: receivers hand a file on from one to the
// next. It is here to show that this one value is all that a lab needs.
func brigade() *system.System {
	const name = "brigade"
	return &system.System{
		Name: name,
		Words: system.Words{Title: "Bucket brigade", Called: "the brigade", Says: "Each hands it to the next.",
			Level: "a brigade has one bar less", Bound: "F/u_s"},
		Look:  system.Look{Light: "#123456", Dark: "#fedcba", Mark: system.Triangle},
		Nodes: system.Nodes{Origin: "well", Receiver: "hand", Receivers: "hands"},
		Bound: func(size float64, l system.Links) system.Bound {
			return system.Bound{Seconds: size / l.Origin, By: system.ByOrigin}
		},
		Relays: true,
		Costs:  system.Costs{Multiple: 2, InFlight: 1},
		Launch: system.Launch{
			Serve: func(s system.Start) []string { return []string{name, "--file", s.File} },
			Get: func(s system.Start) []string {
				return []string{name, "--file", s.File, "-o", s.Folder, "--from", s.Origin.ID}
			},
			Ready: func(_ bool, await system.Await) (told system.Told, err error) {
				err = await(system.NodeEvent, &told)
				return told, err
			},
		},
	}
}

// TestMain is the program of a node when it is started as one of the brigade.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == brigade().Name {
		if err := hand(); err != nil {
			fmt.Println(cli.EventLine(runner.ErrorEvent, map[string]string{"error": err.Error()}))
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func option(name string) string {
	if i := slices.Index(os.Args, name); i >= 0 {
		return os.Args[i+1]
	}
	return ""
}

// hand is a node of the brigade, until its standard input is closed.
func hand() error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	meter, sockets := new(load.Meter), new(load.Sockets)
	reporter := load.NewReporter(load.Info{Node: option("--node"), System: brigade().Name, Role: "peer"}, meter, sockets)
	log, err := os.Create(option("--load-log"))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	logged := make(chan error, 1)
	go func() { logged <- reporter.Log(ctx, log, 20*time.Millisecond) }()
	begun := make(chan struct{})
	begin := func(context.Context, url.Values) (any, error) {
		reporter.Begin()
		close(begun)
		return nil, nil
	}
	go func() {
		_ = agent.Serve(ctx, ln, agent.Config{Reporter: reporter, Sockets: sockets, Commands: map[string]agent.Command{runner.StartCommand: begin}})
	}()
	fmt.Println(cli.EventLine(runner.AgentEvent, map[string]string{"address": ln.Addr().String()}))
	fmt.Println(cli.EventLine(system.NodeEvent, map[string]string{"id": "id-of-" + option("--node")}))
	if option("-o") == "" {
		info, err := os.Stat(option("--file"))
		if err != nil {
			return err
		}
		meter.PayloadOut.Add(info.Size()) // to the first hand; it is always there
	} else if err := pass(begun, meter); err != nil {
		return err
	}
	<-ctx.Done()
	return <-logged
}

// pass takes the file, and gives it to the next.
func pass(begun <-chan struct{}, meter *load.Meter) error {
	fmt.Println(cli.EventLine(runner.HeldEvent, nil))
	<-begun
	text, err := os.ReadFile(option("--file"))
	if err != nil {
		return err
	}
	size := int64(len(text))
	transfer := meter.Transfer(strings.Repeat("0a", 32), "file", size)
	meter.Remote(option("--from")).PayloadIn.Add(size)
	meter.PayloadIn.Add(size)
	meter.PayloadOut.Add(size)
	transfer.Have(size)
	if err := os.WriteFile(filepath.Join(option("-o"), filepath.Base(option("--file"))), text, 0o666); err != nil {
		return err
	}
	transfer.Done()
	fmt.Println(cli.EventLine(runner.DoneEvent, nil))
	return nil
}

// TestAFurtherSystemIsOneValue: it is run by real processes, with a fault;
// reported, with its own words and colours; and replayed.
func TestAFurtherSystemIsOneValue(t *testing.T) {
	t.Parallel()
	wrong, err := faultinject.Parse("free-rider:1")
	if err != nil {
		t.Fatal(err)
	}
	link := scenario.Rate{Up: 1e6, Down: 1e7}
	dir := filepath.Join(t.TempDir(), "lab")
	o := Options{
		Scenario: &scenario.Scenario{Systems: system.Table{brigade()}, Receivers: []int{2}, Runs: 1, FileBytes: fileBytes,
			Links: "rate", Rates: scenario.Rates{Origin: link, Receiver: link}},
		Faults: Faults{Words: []string{"free-rider:1"}, Parsed: wrong},
		Folder: Folder{Dir: dir}, Anyway: true, Watching: Watching{Poll: 20 * time.Millisecond},
	}
	seen := new(told)
	made, err := Run(t.Context(), o, seen)
	if made == nil || err != nil && !strings.Contains(err.Error(), "did not have the outcome") { // nobody rides free in a brigade
		t.Fatalf("report: %t, %v; it said\n%s", made != nil, err, strings.Join(seen.lines, "\n"))
	}
	r, err := labdir.OpenRun(labdir.RunDir(dir, "brigade-2-1"))
	if err != nil || r.Verified != 2 || r.Node("well") == nil || r.Node("hand-2") == nil {
		t.Fatalf("%+v, %v", r, err)
	}
	if !strings.HasPrefix(made.Headline, "The brigade took ") || !strings.Contains(made.Headline, "its origin sent 1 copy of the file") {
		t.Errorf("the headline is %q", made.Headline)
	}
	text, err := os.ReadFile(made.Page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"--brigade: #123456", "--brigade: #fedcba", ".dot.brigade { background: var(--brigade); clip-path", "a brigade has one bar less",
		"var(--brigade)", "brigade to 2 receivers", "(free-rider:1)", `"name":"Bucket brigade","hub":false`, `id="replay-data"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	from := map[string]bool{}
	runs, err := dashboard.Load(dir, func(e labdir.Event) {
		if e.Reading != nil {
			for _, f := range e.Reading.From {
				from[f.Node] = true
			}
		}
	})
	if runs != 1 || err != nil || !from["well"] {
		t.Errorf("%d runs to be seen again, %v; hands had something from %v", runs, err, from)
	}
}
