package load_test

import (
	"context"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"starmesh/common/load"
)

func TestMetricsFollowPrometheusConventions(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(load.Collector(reporter(new(load.Meter))))
	problems, err := testutil.GatherAndLint(registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestEveryCounterOfTheReportIsAMetric under the same name.
func TestEveryCounterOfTheReportIsAMetric(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(load.Collector(reporter(new(load.Meter))))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := make(map[string]bool)
	for _, f := range families {
		names[f.GetName()] = true
	}
	for i := range reflect.TypeFor[load.Traffic]().NumField() {
		key, rest, _ := strings.Cut(reflect.TypeFor[load.Traffic]().Field(i).Tag.Get("json"), ",")
		if known := rest == ""; known && !names["starmesh_"+key+"_total"] {
			t.Errorf("%s is in no metric", key)
		}
	}
}

func TestMetricsSayWhatTheReportSays(t *testing.T) {
	m := new(load.Meter)
	m.PayloadOut.Add(12)
	m.ConnOpened()
	m.Transfer("id", "f", 1)
	info := load.Info{Node: "server", System: "star", Role: "server", Version: "v1"}
	c := load.Collector(load.NewReporter(info, m, new(load.Sockets)))
	want := `# HELP starmesh_build_info What runs here: the program's version and the node's part. Always 1.
# TYPE starmesh_build_info gauge
starmesh_build_info{role="server",system="star",version="v1"} 1
# HELP starmesh_conns_open Connections open now.
# TYPE starmesh_conns_open gauge
starmesh_conns_open 1
# HELP starmesh_payload_out_bytes_total Chunk bytes sent.
# TYPE starmesh_payload_out_bytes_total counter
starmesh_payload_out_bytes_total 12
# HELP starmesh_transfers_running Files this node is fetching now.
# TYPE starmesh_transfers_running gauge
starmesh_transfers_running 1
`
	err := testutil.CollectAndCompare(c, strings.NewReader(want),
		"starmesh_build_info", "starmesh_conns_open", "starmesh_payload_out_bytes_total", "starmesh_transfers_running")
	if err != nil {
		t.Error(err)
	}
}

func TestTransfersAreCountedByHowTheyEnd(t *testing.T) {
	m := new(load.Meter)
	for i, err := range []error{nil, nil, io.ErrUnexpectedEOF, context.Canceled} {
		m.Transfer("id", "f", int64(10+i)).End(err)
	}
	m.Transfer("id", "f", 100)
	c := load.Collector(load.NewReporter(load.Info{}, m, new(load.Sockets)))
	for name, want := range map[string]float64{"started_total": 5, "done_total": 2, "failed_total": 1, "done_bytes_total": 21, "running": 1} {
		got, err := gathered(c, "starmesh_transfers_"+name)
		if err != nil || got != want {
			t.Errorf("%s: %v, %v; want %v", name, got, err, want)
		}
	}
}

// gathered returns the value of a metric.
func gathered(c prometheus.Collector, name string) (float64, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		return 0, err
	}
	families, err := registry.Gather()
	for _, f := range families {
		if f.GetName() == name {
			m := f.GetMetric()[0]
			return m.GetCounter().GetValue() + m.GetGauge().GetValue(), err
		}
	}
	return -1, err
}

func TestUnknownFiguresAreNoMetrics(t *testing.T) {
	known, unknown := new(load.Sockets), new(load.Sockets)
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	unknown.Data(a)
	for _, c := range []struct {
		name    string
		sockets *load.Sockets
		want    int
	}{{"known", known, 1}, {"unknown", unknown, 0}} {
		if c.name == "known" {
			linuxOnly(t)
		}
		r := load.NewReporter(load.Info{}, new(load.Meter), c.sockets)
		if got := testutil.CollectAndCount(load.Collector(r), "starmesh_wire_out_bytes_total"); got != c.want {
			t.Errorf("%s: %d metrics of the wire, want %d", c.name, got, c.want)
		}
	}
}
