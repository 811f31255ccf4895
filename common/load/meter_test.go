package load_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/load"
)

func reporter(m *load.Meter) *load.Reporter {
	return load.NewReporter(load.Info{Node: "n", System: "star", Role: "client"}, m, new(load.Sockets))
}

func TestCountersComeOutUnderTheirNames(t *testing.T) {
	m := new(load.Meter)
	m.PayloadOut.Add(1)
	m.PayloadIn.Add(2)
	m.OtherOut.Add(3)
	m.OtherIn.Add(4)
	m.AgainIn.Add(5)
	m.ChunksOut.Add(6)
	m.ChunksIn.Add(7)
	m.ChunksBad.Add(8)
	want := load.Traffic{
		PayloadOutBytes: 1, PayloadInBytes: 2, OtherOutBytes: 3, OtherInBytes: 4, AgainInBytes: 5,
		ChunksOut: 6, ChunksIn: 7, ChunksBad: 8,
	}
	got := reporter(m).Sample(load.Sample).Traffic
	got.WireOutBytes, got.WireInBytes = nil, nil
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestThePeakOfConnectionsOutlivesThem(t *testing.T) {
	m := new(load.Meter)
	var all sync.WaitGroup
	for range 50 {
		all.Go(m.ConnOpened)
	}
	all.Wait()
	for range 49 {
		m.ConnClosed()
	}
	m.ConnOpened()
	m.ConnRefused()
	got := reporter(m).Sample(load.Sample).Conns
	if want := (load.Conns{ConnsOpen: 2, ConnsPeak: 50, ConnsTotal: 51, ConnsRefused: 1}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestRemotesAreBoundedAndNoneIsLostFromTheSum(t *testing.T) {
	m := new(load.Meter)
	const many = 5000
	for i := range many {
		m.Remote("10.0.0." + strconv.Itoa(i)).PayloadOut.Add(1)
	}
	m.Remote("10.0.0.7").PayloadOut.Add(10)
	m.Remote("silent")
	remotes := reporter(m).Sample(load.Sample).Remotes
	if len(remotes) != 4097 {
		t.Fatalf("%d remotes are told of, want 4096 and the others", len(remotes))
	}
	sum := int64(0)
	for _, r := range remotes {
		sum += r.PayloadOutBytes
	}
	if sum != many+10 {
		t.Errorf("the remotes sum to %d, want %d", sum, many+10)
	}
	if remotes[0].Remote != load.OtherRemotes || remotes[0].PayloadOutBytes != many-4096 {
		t.Errorf("the busiest is %+v, want the others with %d", remotes[0], many-4096)
	}
	if remotes[1].Remote != "10.0.0.7" || remotes[1].PayloadOutBytes != 11 {
		t.Errorf("the next is %+v", remotes[1])
	}
}

func TestATransferTellsWhenItBeganAndWhenTheFileWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(load.Meter)
		r := reporter(m)
		time.Sleep(2 * time.Second)
		transfer := m.Transfer("id", "model.bin", 100)
		transfer.Have(40)
		bits := []byte{0b101}
		transfer.ChunkMap(3, func() []byte { return bits })
		got := r.Sample(load.Sample).Transfers[0]
		if got.State != load.Running || got.HaveBytes != 40 || got.BeginSeconds != 2 || got.End != nil || got.EndSeconds != nil {
			t.Errorf("while it runs: %+v", got)
		}
		if got.Chunks != 3 || got.ChunkMap != base64.StdEncoding.EncodeToString([]byte{5}) {
			t.Errorf("chunk map %q of %d", got.ChunkMap, got.Chunks)
		}
		time.Sleep(3 * time.Second)
		bits = []byte{0b111}
		transfer.Done()
		transfer.End(errors.New("too late to count"))
		bits = []byte{0}
		got = r.Sample(load.Final).Transfers[0]
		if got.State != load.Done || got.HaveBytes != 100 || *got.EndSeconds != 5 || got.Error != "" || got.ChunkMap != "Bw==" {
			t.Errorf("once done: %+v", got)
		}
		begin, err1 := time.Parse(time.RFC3339Nano, got.Begin)
		end, err2 := time.Parse(time.RFC3339Nano, *got.End)
		if err1 != nil || err2 != nil || end.Sub(begin) != 3*time.Second {
			t.Errorf("from %s to %s: %v %v", got.Begin, *got.End, err1, err2)
		}
	})
}

func TestHowATransferEndsIsNamed(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, load.Done},
		{errors.New("disk full"), load.Failed},
		{fmt.Errorf("stopped: %w", context.Canceled), load.Interrupted},
		{context.DeadlineExceeded, load.Failed},
	} {
		m := new(load.Meter)
		m.Transfer("id", "f", 1).End(c.err)
		got := reporter(m).Sample(load.Sample).Transfers[0]
		if got.State != c.want {
			t.Errorf("after %v it is %q, want %q", c.err, got.State, c.want)
		}
		if c.err != nil && got.Error != c.err.Error() {
			t.Errorf("after %v it says %q", c.err, got.Error)
		}
	}
}

func TestOldTransfersAreForgottenButRunningOnesAreNot(t *testing.T) {
	m := new(load.Meter)
	m.Transfer("id", "slow", 1)
	for range 2000 {
		m.Transfer("id", "quick", 1).Done()
	}
	report := reporter(m).Sample(load.Sample)
	if len(report.Transfers) != 1024 || report.TransfersOmitted != 977 {
		t.Errorf("%d told of, %d omitted; want 1024 and 977", len(report.Transfers), report.TransfersOmitted)
	}
	if report.Transfers[0].Name != "slow" {
		t.Errorf("the running one is gone: %+v", report.Transfers[0])
	}
}
