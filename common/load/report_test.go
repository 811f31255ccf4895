package load_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"starmesh/common/load"
)

var update = flag.Bool("update", false, "write the golden files anew")

func ptr[T any](v T) *T { return &v }

// full is a report in which nothing is absent.
func full() load.Report {
	return load.Report{
		Head: load.Head{
			Kind: load.Final, Time: "2026-11-21T09:00:01.000000001Z", ElapsedSeconds: 1.5,
			Info: load.Info{
				Node: "client-1", System: "star", Role: "client", Version: "v1.0.0",
				Command: []string{"starmesh", "central", "get"}, LimitUp: 2.5e6, LimitDown: 1e7,
			},
			PID: 42, Host: "lab", OS: "linux", Arch: "amd64", CPUs: 2,
		},
		Traffic: load.Traffic{
			PayloadOutBytes: 1, PayloadInBytes: 2, OtherOutBytes: 3, OtherInBytes: 4, AgainInBytes: 5,
			WireOutBytes: ptr[int64](6), WireInBytes: ptr[int64](7), ChunksOut: 8, ChunksIn: 9, ChunksBad: 10,
		},
		Conns: load.Conns{
			ConnsOpen: 11, ConnsPeak: 12, ConnsTotal: 13, ConnsRefused: 14,
			AcceptQueue: ptr(15), AcceptBacklog: ptr(16),
		},
		Process: load.Process{
			CPUSeconds: ptr(0.25), RSSBytes: ptr[int64](17), RSSPeakBytes: ptr[int64](18), Goroutines: 19, FDs: ptr[int64](20),
		},
		Transfers: []load.TransferReport{{
			ID: strings.Repeat("ab", 32), Name: "model.bin", SizeBytes: 21, HaveBytes: 21, State: load.Done,
			Begin: "2026-11-21T09:00:00.500000000Z", BeginSeconds: 0.5,
			End: ptr("2026-11-21T09:00:01.000000000Z"), EndSeconds: ptr(1.0), Error: "none", Chunks: 1, ChunkMap: "AQ==",
		}},
		Remotes:          []load.RemoteReport{{Remote: "127.0.0.1", PayloadOutBytes: 1, PayloadInBytes: 2}},
		TransfersOmitted: 22, Outcome: load.Failed, Error: "disk full",
	}
}

func TestTheJSONFormOfAReportIsAContract(t *testing.T) {
	got, err := json.MarshalIndent(full(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const golden = "testdata/report.golden.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the form has changed; logs of older versions will not be read as before\ngot:\n%s\nwant:\n%s", got, want)
	}
	var back load.Report
	if err := json.Unmarshal(want, &back); err != nil || !reflect.DeepEqual(back, full()) {
		t.Errorf("read back: %+v, %v", back, err)
	}
}

// names are the keys of the load report as the design fixes them.
var names = []string{
	"payload_out_bytes", "payload_in_bytes", "other_out_bytes", "other_in_bytes", "wire_out_bytes", "wire_in_bytes",
	"again_in_bytes", "chunks_out", "chunks_in", "chunks_bad", "conns_open", "conns_peak", "conns_total",
	"conns_refused", "accept_queue", "cpu_seconds", "rss_bytes", "rss_peak_bytes", "goroutines", "fds",
}

func keys(t *testing.T, report load.Report) []string {
	t.Helper()
	line, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatal(err)
	}
	var all []string
	for k := range m {
		all = append(all, k)
	}
	return all
}

func TestEveryFigureHasTheNameOfTheDesign(t *testing.T) {
	have := keys(t, full())
	for _, name := range append(names, "kind", "time", "elapsed_s", "node", "system", "role", "version", "pid", "host", "command", "os", "arch", "cpus") {
		if !slices.Contains(have, name) {
			t.Errorf("a report has no %q", name)
		}
	}
}

func TestWhatIsUnknownIsAbsentAndNotZero(t *testing.T) {
	have := keys(t, load.Report{})
	for _, name := range []string{
		"wire_out_bytes", "wire_in_bytes", "accept_queue", "accept_backlog", "cpu_seconds", "rss_bytes",
		"rss_peak_bytes", "fds", "outcome", "error", "transfers", "remotes",
	} {
		if slices.Contains(have, name) {
			t.Errorf("%q is there although nobody knows it", name)
		}
	}
	for _, name := range []string{"payload_out_bytes", "chunks_bad", "conns_refused"} {
		if !slices.Contains(have, name) {
			t.Errorf("%q is counted, so that 0 is true, but it is absent", name)
		}
	}
}

func TestATextWithoutWhatIsSecretInItsAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"http://me:x@h/f?sig=y: no such file":            "http://me:***@h/f?***: no such file",
		`"ftp://me:x@h/f" is none; see https://h/a?b, c`: `"ftp://me:***@h/f" is none; see https://h/a?***, c`,
		"me:x@127.0.0.1:1: gone; me:x@h:70":              "me:***@127.0.0.1:1: gone; me:***@h:70",
		"kill-receivers:3@30%, ada@example.org":          "kill-receivers:3@30%, ada@example.org",
		"star://127.0.0.1:7070/a@b.txt, 12:30":           "star://127.0.0.1:7070/a@b.txt, 12:30",
	} {
		if got := load.Redacted(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
