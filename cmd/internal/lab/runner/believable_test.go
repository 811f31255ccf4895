package runner

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/common/load"
)

// atDesk is a place on a machine that has joined.
type atDesk struct{ Place }

func (atDesk) Where() labdir.Host { return labdir.Host{Machine: "desk"} }

func TestANodeThatLiesInItsReadingsIsNotBelieved(t *testing.T) {
	r := &run{cfg: &Config{File: File{Bytes: 100}}}
	n := &node{name: "peer-1", place: atDesk{}}
	for want, report := range map[string]load.Report{
		"":                                 {Transfers: []load.TransferReport{{HaveBytes: 100}}},
		"has 101 bytes of a file of 100":   {Transfers: []load.TransferReport{{HaveBytes: 101}}},
		"has -1 bytes":                     {Transfers: []load.TransferReport{{HaveBytes: -1}}},
		"more of its chunks than":          {Transfers: []load.TransferReport{{ChunkMap: strings.Repeat("A", maxChunkMap+1)}}},
		"sent or received less than nothi": {Traffic: load.Traffic{PayloadOutBytes: -5}},
		"knows 1000 others":                {Remotes: make([]load.RemoteReport, 1000)},
	} {
		if err := r.believable(n, &report); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
