package metrics

import (
	"math"
)

// A Report is what a comparison knows of one run.
type Report struct {
	Head
	Links   Links    `json:"links"`
	Figures []Figure `json:"figures"`
	Lorenz  []Point  `json:"lorenz,omitempty"` // of payload sent, over all nodes
	Nodes   []Row    `json:"nodes"`            // as they are in the run
	Doubts  []Doubt  `json:"doubts,omitempty"`
}

// A Figure is one figure of a run.
type Figure struct {
	Key   Key      `json:"key"`
	Value *float64 `json:"value,omitempty"` // nil: absent
	// Absent says why there is no value.
	Absent string `json:"absent,omitempty"`
	// Note says how the value came about, where there is a choice.
	Note string `json:"note,omitempty"`
	// Doubts are reasons not to trust the value.
	Doubts []string `json:"doubts,omitempty"`
}

// A Row is the load of one node.
type Row struct {
	Node            string   `json:"node"`
	Host            string   `json:"host,omitempty"`
	Part            Part     `json:"part"`
	PayloadOutBytes int64    `json:"payload_out_bytes"`
	PayloadInBytes  int64    `json:"payload_in_bytes"`
	SentShare       float64  `json:"sent_share"` // of what all nodes sent
	AgainInBytes    int64    `json:"again_in_bytes,omitempty"`
	ChunksBad       int64    `json:"chunks_bad,omitempty"`
	DoneSeconds     *float64 `json:"done_s,omitempty"` // since the start of the first receiver
	CPUSeconds      *float64 `json:"cpu_seconds,omitempty"`
	RSSPeakBytes    *int64   `json:"rss_peak_bytes,omitempty"`
	ConnsPeak       int64    `json:"conns_peak"`
	Noted
}

// Links are the access links of a run, in bytes per second; what has no limit,
// or none that is known, is absent.
type Links struct {
	OriginUp *float64 `json:"origin_up_bytes_per_s,omitempty"`
	Up       []Limit  `json:"up_bytes_per_s,omitempty"`   // of each receiver
	Down     []Limit  `json:"down_bytes_per_s,omitempty"` // of each receiver
}

// Limit is a rate in bytes per second; nil is no limit.
type Limit = *float64

// Figure returns the figure of that name; nil if the report has none.
func (r *Report) Figure(key Key) *Figure {
	for i := range r.Figures {
		if r.Figures[i].Key == key {
			return &r.Figures[i]
		}
	}
	return nil
}

// Value returns the value of a figure; not ok if it is absent.
func (r *Report) Value(key Key) (float64, bool) {
	f := r.Figure(key)
	if f == nil || f.Value == nil {
		return 0, false
	}
	return *f.Value, true
}

// Compute computes all figures of a run.
func Compute(run *Run) *Report {
	run.Receivers = len(run.with(Receiver))
	c := &computation{run: run}
	c.all()
	report := &Report{
		Head: run.Head, Links: linksOf(run), Lorenz: Lorenz(c.sent()), Nodes: rows(run), Doubts: run.Doubts,
	}
	for _, d := range Catalog() {
		f, ok := c.figures[d.Key]
		if !ok {
			continue // it does not apply to this system
		}
		f.Key = d.Key
		if f.Value != nil && (math.IsNaN(*f.Value) || math.IsInf(*f.Value, 0)) {
			f = Figure{Key: d.Key, Absent: "the logs give no number for it"}
		}
		f.Doubts = append(f.Doubts, run.doubts(d.rests)...)
		report.Figures = append(report.Figures, f)
	}
	return report
}

func rows(run *Run) []Row {
	sum := int64(0)
	for _, n := range run.Nodes {
		sum += n.PayloadOutBytes
	}
	rows := make([]Row, 0, len(run.Nodes))
	for _, n := range run.Nodes {
		row := Row{
			Node: n.Name, Host: n.Host, Part: n.Part,
			PayloadOutBytes: n.PayloadOutBytes, PayloadInBytes: n.PayloadInBytes,
			AgainInBytes: n.AgainInBytes, ChunksBad: n.ChunksBad, DoneSeconds: n.DoneSeconds,
			CPUSeconds: n.CPUSeconds, RSSPeakBytes: n.RSSPeakBytes, ConnsPeak: n.ConnsPeak,
			Noted: n.Noted,
		}
		if sum > 0 {
			row.SentShare = float64(n.PayloadOutBytes) / float64(sum)
		}
		rows = append(rows, row)
	}
	return rows
}

func linksOf(run *Run) Links {
	all := run.links()
	l := Links{OriginUp: limit(all.Origin)}
	for i := range all.Up {
		l.Up = append(l.Up, limit(all.Up[i]))
		l.Down = append(l.Down, limit(all.Down[i]))
	}
	return l
}

// limit leaves out what is no limit.
func limit(rate float64) Limit {
	if math.IsInf(rate, 1) {
		return nil
	}
	return &rate
}
