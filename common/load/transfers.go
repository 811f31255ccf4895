package load

import (
	"encoding/base64"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// The states of a transfer, as a report names them.
const (
	Running     = "running"
	Done        = "done"        // the verified file is in its place
	Failed      = "failed"      // it ended with an error
	Interrupted = "interrupted" // it was stopped, and may be resumed
)

// maxTransfers bounds how many ended transfers are remembered.
const maxTransfers = 1024

// A Transfer tells of one file that this node fetches: when it began, how much
// of it is held and verified, and when it was whole.
type Transfer struct {
	id, name string
	size     int64
	begin    time.Time
	have     atomic.Int64
	table    *transferTable

	mu       sync.Mutex
	state    string
	end      time.Time
	err      error
	chunks   int
	chunkMap func() []byte
}

// transferTable holds the transfers in the order in which they began.
type transferTable struct {
	mu      sync.Mutex
	all     []*Transfer
	omitted int64 // ended ones that were dropped from all

	begun, done, failed, bytes atomic.Int64 // ever; bytes are those of the files that are done
}

// Transfer begins the account of a file that this node fetches: its id (64 hex
// digits), its name, and its size in bytes. A resumed file is told of by Have
// right away.
func (m *Meter) Transfer(id, name string, size int64) *Transfer {
	table := &m.transfers
	t := &Transfer{id: id, name: name, size: size, begin: time.Now(), state: Running, table: table}
	table.begun.Add(1)
	table.mu.Lock()
	defer table.mu.Unlock()
	if len(table.all) >= maxTransfers {
		table.dropOldestEnded()
	}
	table.all = append(table.all, t)
	return t
}

func (t *transferTable) dropOldestEnded() {
	i := slices.IndexFunc(t.all, func(t *Transfer) bool { return t.ended() })
	if i >= 0 {
		t.all = slices.Delete(t.all, i, i+1)
		t.omitted++
	}
}

// Have says how many bytes of the file are verified and stored in all.
func (t *Transfer) Have(bytes int64) { t.have.Store(bytes) }

// ChunkMap lets reports tell which chunks are held. bits is called for each
// report and once more by Done and End, so call those without the locks that
// bits takes. It returns one bit per chunk, chunk 0 in the lowest bit of the
// first byte, as many bytes as n chunks need, which nobody changes later.
func (t *Transfer) ChunkMap(n int, bits func() []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.chunks, t.chunkMap = n, bits
}

// Done says that the whole file is verified and in its place. Only the first
// call of Done and End counts.
func (t *Transfer) Done() {
	t.have.Store(t.size)
	t.finish(Done, nil)
}

// End says that the transfer has ended with err before the file was whole.
// End(nil) is Done.
func (t *Transfer) End(err error) {
	if err == nil {
		t.Done()
		return
	}
	t.finish(outcomeOf(err), err)
}

func (t *Transfer) finish(state string, err error) {
	last := t.bits()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.state != Running {
		return
	}
	t.state, t.err, t.end = state, err, time.Now()
	switch state {
	case Done:
		t.table.done.Add(1)
		t.table.bytes.Add(t.size)
	case Failed:
		t.table.failed.Add(1)
	}
	if last != nil { // lets go of whatever the function held on to
		t.chunkMap = func() []byte { return last }
	}
}

// bits asks for the chunk map, without holding the lock; nil if there is none.
func (t *Transfer) bits() []byte {
	t.mu.Lock()
	ask := t.chunkMap
	t.mu.Unlock()
	if ask == nil {
		return nil
	}
	return ask()
}

func (t *Transfer) ended() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.state != Running
}

// report returns the transfer's line, with times counted from start.
func (t *Transfer) report(start time.Time) TransferReport {
	bits := t.bits()
	t.mu.Lock()
	defer t.mu.Unlock()
	r := TransferReport{
		ID: t.id, Name: t.name, SizeBytes: t.size, HaveBytes: t.have.Load(), State: t.state,
		Begin: stamp(t.begin), BeginSeconds: t.begin.Sub(start).Seconds(),
	}
	if t.state != Running {
		end := stamp(t.end)
		seconds := t.end.Sub(start).Seconds()
		r.End, r.EndSeconds = &end, &seconds
	}
	if t.err != nil {
		r.Error = t.err.Error()
	}
	if bits != nil {
		r.Chunks = t.chunks
		r.ChunkMap = base64.StdEncoding.EncodeToString(bits)
	}
	return r
}

// report lists the newest transfers, at most limit, in the order in which they
// began, and returns how many it left out.
func (t *transferTable) report(start time.Time, limit int) ([]TransferReport, int64) {
	t.mu.Lock()
	all, omitted := slices.Clone(t.all), t.omitted
	t.mu.Unlock()
	if more := len(all) - limit; more > 0 {
		all, omitted = all[more:], omitted+int64(more)
	}
	lines := make([]TransferReport, 0, len(all))
	for _, transfer := range all {
		lines = append(lines, transfer.report(start))
	}
	return lines, omitted
}
