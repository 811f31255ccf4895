package p2phost

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"starmesh/common/load"
)

// TestMetricsAreNamedAsPrometheusWants: what promtool says of them all.
func TestMetricsAreNamedAsPrometheusWants(t *testing.T) {
	registry := prometheus.NewRegistry()
	a := startHost(t, func(c *Config) { listensEverywhere(c); c.Metrics = registry })
	b := startHost(t, nil)
	meet(t, b, a, overTCP)
	flow(t, b, a, 1000)
	problems, err := testutil.GatherAndLint(load.WellNamed(registry))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}
