package metrics

import (
	"slices"

	"starmesh/cmd/internal/lab/system"
)

// A Key names a figure, in JSON and CSV too. Names carry units.
type Key string

const (
	Distribution       Key = "distribution_s"
	P50                Key = "p50_s"
	P99                Key = "p99_s"
	BoundSeconds       Key = "bound_s"
	BoundMultiple      Key = "bound_multiple"
	ChunkedBound       Key = "chunked_bound_s"
	OriginCopies       Key = "origin_copies"
	HottestShare       Key = "hottest_share"
	Uploaders          Key = "effective_uploaders"
	Jain               Key = "jain_index"
	JainReceivers      Key = "jain_index_receivers"
	GiniIndex          Key = "gini"
	Duplicates         Key = "duplicates"
	Overhead           Key = "overhead"
	OverheadPerChunk   Key = "overhead_bytes_per_chunk"
	LinkOverhead       Key = "link_overhead"
	CPUPerGiB          Key = "cpu_s_per_gib"
	OriginCPUPerGiB    Key = "origin_cpu_s_per_gib"
	PeakMemory         Key = "rss_peak_bytes"
	OriginPeakMemory   Key = "origin_rss_peak_bytes"
	Connections        Key = "conns_peak"
	OriginConnections  Key = "origin_conns_peak"
	OriginConnsTotal   Key = "origin_conns_total"
	ConnectionsRefused Key = "conns_refused"
)

// A Unit says how a value is written.
type Unit string

const (
	Seconds Unit = "s"
	Bytes   Unit = "bytes"
	Share   Unit = "share" // 0 to 1
	Ratio   Unit = "ratio"
	Count   Unit = "count"
)

// A Definition says what a figure is.
type Definition struct {
	Key     Key    `json:"key"`
	Label   string `json:"label"`
	Unit    Unit   `json:"unit"`
	Meaning string `json:"meaning"`
	rests   Aspect
}

// Catalog lists all figures in the order in which they are shown.
func Catalog() []Definition {
	return append(timeAndLoad(), costs()...)
}

func timeAndLoad() []Definition {
	hub, relay := system.All().Pair()
	return []Definition{
		{Distribution, "distribution time", Seconds, "from the start of the first receiver until the last one holds the verified file", Clock},
		{P50, "half of receivers done (p50)", Seconds, "from the start of the first receiver until half of them hold the verified file (nearest rank)", Clock},
		{P99, "99 % of receivers done (p99)", Seconds, "the same for 99 % of the receivers; with fewer than 100 it is the last one", Clock},
		{BoundSeconds, "bound", Seconds, "the least possible distribution time over these links: " + hub.Name + " " + hub.Words.Bound + ", " + relay.Name + " " + relay.Words.Bound, 0},
		{BoundMultiple, "distribution time ÷ bound", Ratio, "the measured distribution time as a multiple of the bound: 1 is the least possible, and a hair less means that limits let a first burst through", Clock},
		{ChunkedBound, "bound, chunk by chunk", Seconds, "with M equal chunks and equal uplinks, one chunk at a time: (F/u)·(1 + ⌊log2 N⌋/M)", 0},
		{OriginCopies, "origin copies", Ratio, "payload sent by the origin ÷ file size", Carried},
		{HottestShare, "hottest share", Share, "largest payload sent by one node ÷ payload sent by all", Carried},
		{Uploaders, "effective uploaders", Ratio, "(Σ out)² ÷ Σ out² over all nodes: 1 for a " + hub.Name + ", up to their number for an even " + relay.Name, Carried},
		{Jain, "Jain index, all nodes", Ratio, "effective uploaders ÷ number of nodes: 1 is even", Carried},
		{JainReceivers, "Jain index, receivers only", Ratio, "the same over the receivers alone; unknown when no receiver sent anything", Carried},
		{GiniIndex, "Gini coefficient, all nodes", Ratio, "of payload sent: 0 is even, (n−1)/n when one of n nodes sends all", Carried},
	}
}

func costs() []Definition {
	return []Definition{
		{Duplicates, "duplicates", Share, "payload received although already held ÷ payload received", Carried},
		{Overhead, "overhead", Share, "(wire − payload) ÷ payload sent by all nodes, wire as the kernel counts it; other protocol bytes ÷ payload where a node's kernel does not tell", Carried},
		{OverheadPerChunk, "overhead per chunk", Bytes, "the same bytes, both directions together, ÷ chunks received: what it costs to ask for a chunk, get it and be told about it", Carried},
		{LinkOverhead, "overhead at the link", Share, "(link − payload) ÷ payload sent by all nodes; link is what left them by their access links in packets: headers, acknowledgements and what was sent again are in it", Carried},
		{CPUPerGiB, "CPU per GiB, all nodes", Seconds, "CPU seconds of all nodes ÷ GiB delivered to the receivers", Cost | Carried},
		{OriginCPUPerGiB, "CPU per GiB, origin alone", Seconds, "CPU seconds of the origin ÷ GiB delivered to the receivers", Cost | Carried},
		{PeakMemory, "peak memory of one node", Bytes, "the largest resident memory any node had", Cost},
		{OriginPeakMemory, "peak memory, origin", Bytes, "the largest resident memory the origin had", Cost},
		{Connections, "most connections at one node", Count, "open at once", Cost},
		{OriginConnections, "most connections, origin", Count, "open at once", Cost},
		{OriginConnsTotal, "connections made, origin", Count, "opened at the origin from its start to its end", Cost},
		{ConnectionsRefused, "connections refused", Count, "turned away, by all nodes together", Cost},
	}
}

// Define returns the definition of a figure; an empty one if there is none of
// that name.
func Define(key Key) Definition {
	all := Catalog()
	if i := slices.IndexFunc(all, func(d Definition) bool { return d.Key == key }); i >= 0 {
		return all[i]
	}
	return Definition{}
}
