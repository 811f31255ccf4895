package load

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// metric is one figure of a report as Prometheus sees it. value is not ok when
// the report lacks it.
type metric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(*Report) (float64, bool)
}

// collector shows a reporter's figures to Prometheus.
type collector struct {
	reporter *Reporter
	metrics  []metric
	build    *prometheus.Desc
}

// Collector gives the figures of r to Prometheus, as of the moment of each
// scrape. Figures that are not known are left out. The process itself is left
// to Prometheus's own process and Go collectors.
func Collector(r *Reporter) prometheus.Collector {
	return &collector{
		reporter: r,
		metrics:  slices.Concat(trafficMetrics(), connMetrics(), transferMetrics(&r.meter.transfers)),
		build: prometheus.NewDesc("starmesh_build_info",
			"What runs here: the program's version and the node's part. Always 1.",
			nil, prometheus.Labels{
				"version": r.head.Version, "system": r.head.System, "role": r.head.Role,
			}),
	}
}

func trafficMetrics() []metric {
	return []metric{
		counter("payload_out_bytes_total", "Chunk bytes sent.",
			func(r *Report) (float64, bool) { return float64(r.PayloadOutBytes), true }),
		counter("payload_in_bytes_total", "Chunk bytes received.",
			func(r *Report) (float64, bool) { return float64(r.PayloadInBytes), true }),
		counter("other_out_bytes_total", "All other protocol bytes sent.",
			func(r *Report) (float64, bool) { return float64(r.OtherOutBytes), true }),
		counter("other_in_bytes_total", "All other protocol bytes received.",
			func(r *Report) (float64, bool) { return float64(r.OtherInBytes), true }),
		counter("again_in_bytes_total", "Chunk bytes received although already held.",
			func(r *Report) (float64, bool) { return float64(r.AgainInBytes), true }),
		counter("wire_out_bytes_total", "Bytes sent on all sockets, as the kernel counts them.",
			func(r *Report) (float64, bool) { return known(r.WireOutBytes) }),
		counter("wire_in_bytes_total", "Bytes received on all sockets, as the kernel counts them.",
			func(r *Report) (float64, bool) { return known(r.WireInBytes) }),
		counter("chunks_out_total", "Chunks sent.",
			func(r *Report) (float64, bool) { return float64(r.ChunksOut), true }),
		counter("chunks_in_total", "Chunks received, repeats included, wrong ones not.",
			func(r *Report) (float64, bool) { return float64(r.ChunksIn), true }),
		counter("chunks_bad_total", "Chunks received that failed verification.",
			func(r *Report) (float64, bool) { return float64(r.ChunksBad), true }),
	}
}

func connMetrics() []metric {
	return []metric{
		gauge("conns_open", "Connections open now.",
			func(r *Report) (float64, bool) { return float64(r.ConnsOpen), true }),
		gauge("conns_peak", "Most connections open at once.",
			func(r *Report) (float64, bool) { return float64(r.ConnsPeak), true }),
		counter("conns_total", "Connections accepted or dialled.",
			func(r *Report) (float64, bool) { return float64(r.ConnsTotal), true }),
		counter("conns_refused_total", "Connections turned away.",
			func(r *Report) (float64, bool) { return float64(r.ConnsRefused), true }),
		gauge("accept_queue", "Connections that wait to be accepted.",
			func(r *Report) (float64, bool) { return known(r.AcceptQueue) }),
		gauge("accept_backlog", "Connections that may wait to be accepted.",
			func(r *Report) (float64, bool) { return known(r.AcceptBacklog) }),
	}
}

func transferMetrics(t *transferTable) []metric {
	ever := func(n *atomic.Int64) func(*Report) (float64, bool) {
		return func(*Report) (float64, bool) { return float64(n.Load()), true }
	}
	return []metric{
		gauge("transfers_running", "Files this node is fetching now.", func(r *Report) (float64, bool) {
			running := 0
			for _, t := range r.Transfers {
				if t.State == Running {
					running++
				}
			}
			return float64(running), true
		}),
		counter("transfers_started_total", "Files this node has begun to fetch.", ever(&t.begun)),
		counter("transfers_done_total", "Files this node has fetched: verified, and in their places.", ever(&t.done)),
		counter("transfers_failed_total", "Files this node has not got in the end; those that were stopped are not counted.", ever(&t.failed)),
		counter("transfers_done_bytes_total", "Bytes of the files this node has fetched, those that were there before included.", ever(&t.bytes)),
	}
}

func counter(name, help string, value func(*Report) (float64, bool)) metric {
	return metric{prometheus.NewDesc("starmesh_"+name, help, nil, nil), prometheus.CounterValue, value}
}

func gauge(name, help string, value func(*Report) (float64, bool)) metric {
	return metric{prometheus.NewDesc("starmesh_"+name, help, nil, nil), prometheus.GaugeValue, value}
}

// known reads a figure that may be absent.
func known[N int | int64](figure *N) (float64, bool) {
	if figure == nil {
		return 0, false
	}
	return float64(*figure), true
}

func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, m := range c.metrics {
		descs <- m.desc
	}
	descs <- c.build
}

func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	report := c.reporter.Sample(Sample)
	for _, m := range c.metrics {
		if value, ok := m.value(&report); ok {
			metrics <- prometheus.MustNewConstMetric(m.desc, m.kind, value)
		}
	}
	metrics <- prometheus.MustNewConstMetric(c.build, prometheus.GaugeValue, 1)
}

// WellNamed gathers what g does, under the names that Prometheus wants: those of
// counters, and no others, end in _total, and those of single figures not in
// _count.
func WellNamed(g prometheus.Gatherer) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := g.Gather()
		for _, f := range families {
			name := f.GetName()
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				name = strings.TrimSuffix(name, "_total") + "_total"
			case dto.MetricType_GAUGE:
				name = strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "_count")
			}
			f.Name = &name
		}
		return families, err
	})
}
