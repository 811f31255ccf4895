package runlogs_test

import (
	"slices"
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/runlogs"
)

// over returns the lines of a node that says it is of that system.
func (m made) over(t testing.TB, system string) []string {
	t.Helper()
	lines := m.lines(t)
	for i := range lines {
		lines[i] = strings.Replace(lines[i], `"system":"star"`, `"system":"`+system+`"`, 1)
	}
	return lines
}

func (m made) process(pid int) made { m.pid = pid; return m }

// systems lists the runs with their systems.
func systems(runs []*runlogs.Run) []string {
	var all []string
	for i := range runs {
		all = append(all, runs[i].System.Name+" "+parts(runs[i]))
	}
	return all
}

func TestAServersLogBelongsToWhomItServed(t *testing.T) {
	type node struct {
		made
		system string
	}
	one, two := client("c1", 1), client("c2", 1)
	for name, c := range map[string]struct {
		logs map[string]node
		want []string
	}{
		"over HTTP": {
			map[string]node{"server": {server(0, 2000), "star"}, "c1": {one, "http"}, "c2": {two, "http"}},
			[]string{"http server:origin c1:receiver c2:receiver"},
		},
		"one connection per request": {
			map[string]node{"server": {server(0, 1000), "star"}, "c1": {one, "http-close"}},
			[]string{"http-close server:origin c1:receiver"},
		},
		"each way in a folder of its own": {
			map[string]node{"a/server": {server(0, 1000), "star"}, "a/c1": {one, "star"}, "b/server": {server(0, 1000).process(7), "star"}, "b/c1": {one.process(8), "http"},
				"c/server": {server(50, 1000), "star"}, "c/c1": {client("c1", 51), "http-close"}},
			[]string{"star server:origin c1:receiver", "http server:origin c1:receiver", "http-close server:origin c1:receiver"},
		},
		"one after the other in one folder": {
			map[string]node{"s1": {server(0, 1000), "star"}, "c1": {one, "star"}, "s2": {server(100, 1000), "star"}, "c2": {client("c2", 101), "http"}},
			[]string{"star server:origin c1:receiver", "http server:origin c2:receiver"},
		},
		"both at once: the load cannot be divided": {
			map[string]node{"server": {server(0, 2000), "star"}, "c1": {one, "star"}, "c2": {two, "http"}},
			[]string{"star server:origin c1:receiver", "http c2:receiver"},
		},
		"each machine in a folder of its own": {
			map[string]node{"s/server": {server(0, 2000), "star"}, "m1/c1": {one.on("m1"), "http"}, "m2/c2": {two.on("m2"), "http"}},
			[]string{"http server:origin c1:receiver c2:receiver"},
		},
		"a star whose clients are elsewhere keeps its server": {
			map[string]node{"s/server": {server(0, 1000), "star"}, "m1/c1": {one.on("m1"), "star"}, "x/server": {server(200, 1000), "star"}, "x/c2": {client("c2", 201), "http"}},
			[]string{"star server:origin c1:receiver", "http server:origin c2:receiver"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, n := range c.logs {
				write(t, dir, file+".jsonl", n.over(t, n.system))
			}
			runs, findings := readDir(t, dir)
			if got := systems(runs); !slices.Equal(got, c.want) {
				t.Errorf("%q, not %q; %v", got, c.want, findings)
			}
		})
	}
}
