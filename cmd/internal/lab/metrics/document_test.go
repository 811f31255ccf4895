package metrics_test

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/system"
)

func document() *metrics.Document {
	return metrics.NewDocument("v1", time.Unix(1_800_000_000, 0), []*metrics.Report{{
		Head:  metrics.Head{Name: "run", System: system.Named("star"), Receivers: 2, FileBytes: 1000, Chunks: 3},
		Links: metrics.Links{OriginUp: ptr(100.0), Up: []metrics.Limit{ptr(5.0), nil}, Down: []metrics.Limit{nil, nil}},
		Figures: []metrics.Figure{
			{Key: metrics.Distribution, Value: ptr(20.5), Doubts: []string{"a doubt"}},
			{Key: metrics.Overhead, Absent: "nobody knows"},
		},
		Lorenz: []metrics.Point{{Nodes: 0, Sent: 0}, {Nodes: 1, Sent: 1}},
		Nodes:  []metrics.Row{{Node: "s", Part: metrics.Origin, PayloadOutBytes: 2000, SentShare: 1, CPUSeconds: ptr(0.0)}},
	}})
}

func TestWhatIsWrittenIsReadAgain(t *testing.T) {
	var b bytes.Buffer
	if err := document().Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := metrics.ReadDocument(bytes.NewReader(b.Bytes()))
	want := document()
	if err == nil && got.Runs[0].System.Name == want.Runs[0].System.Name {
		got.Runs[0].System, want.Runs[0].System = nil, nil // it has functions, which cannot be compared
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	// The names are a contract with those who read the file elsewhere.
	for _, name := range []string{`"format": "starmesh-results/1"`, `"origin_up_bytes_per_s": 100`, `"key": "distribution_s"`, `"value": 20.5`,
		`"absent": "nobody knows"`, `"file_bytes": 1000`, `"payload_out_bytes": 2000`, `"cpu_seconds": 0`} {
		if !strings.Contains(b.String(), name) {
			t.Errorf("%s is not in it:\n%s", name, &b)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, metrics.DocumentName), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, metrics.DocumentName)} {
		if d, err := metrics.OpenDocument(path); err != nil || len(d.Runs) != 1 {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDocumentsThatCannotBeUsedAreRefused(t *testing.T) {
	for text, says := range map[string]string{
		"":                                "it is broken",
		"[]":                              "it is broken",
		"{}":                              "format",
		`{"format":"starmesh-results/2"}`: "starmesh-results/2",
		`{"format":"starmesh-results/1","runs":[{}]}`:                                                         "of which system",
		`{"format":"starmesh-results/1","runs":[{"system":"star","receivers":-1}]}`:                           "-1 receivers",
		`{"format":"starmesh-results/1","runs":[{"system":"star","figures":[{"key":"bound_s","value":-1}]}]}`: "bound_s is -1",
		`{"format":"starmesh-results/1","runs":[{"system":"star","links":{"up_bytes_per_s":[-1]}}]}`:          "a rate of -1",
	} {
		if _, err := metrics.ReadDocument(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v; want %q", text, err, says)
		}
	}
	if _, err := metrics.OpenDocument(filepath.Join(t.TempDir(), "nope")); err == nil || !strings.Contains(err.Error(), "nope: no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
}

// FuzzRead: what is read can be written, and is the same when read again.
func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if err := document().Write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"format":"starmesh-results/1","runs":[{"system":"mesh","links":{"up_bytes_per_s":[null,1e308]}}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := metrics.ReadDocument(bytes.NewReader(data))
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := d.Write(&once); err != nil {
			return // a year that JSON cannot hold
		}
		again, err := metrics.ReadDocument(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if err := again.Write(&twice); err != nil || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Errorf("written again it differs: %v", err)
		}
	})
}
