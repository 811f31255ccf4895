package transfer

import (
	"context"

	"starmesh/common/content"
)

// A Source brings chunks of one file until none is wanted, ctx ends, or it has
// failed: it asks for them, in order. central builds one per connection.
type Source interface {
	// Name says where the chunks come from, for people and logs.
	Name() string
	// Run returns nil when nothing is wanted any more, and otherwise why it
	// ended; by then all its goroutines have ended. Claims still open are
	// released by the caller. Whether Run may be called again is decided by
	// Config.RetryFor.
	Run(ctx context.Context, w Wanted) error
}

// Wanted is what a Source sees of an Intake; a Claimant is one. A chunk is claimed before its bytes travel, so that two sources never bring
// the same one; a refused claim costs a few bytes, not a chunk. Its methods
// may be called from several goroutines.
type Wanted interface {
	// Missing is the set of chunks neither held nor claimed: the caller's own
	// copy.
	Missing() content.Set
	// Changed returns a channel that is closed when Missing may have grown
	// since, or what is held: take it before looking at Missing.
	Changed() <-chan struct{}
	// Claim promises chunk i to the caller's source; ok is false when it is
	// held or promised already. release takes the promise back, once; it does
	// nothing after a successful Deliver.
	Claim(i int) (release func(), ok bool)
	// Deliver verifies p as chunk i and stores it; p is not kept. It may be
	// called without a claim, or after the claim was lost: a chunk that is
	// held already is counted as received again, and no error. It fails with
	// fault.Corrupt when the bytes are wrong (the claim stays until the source
	// ends), and with the store's error (fault.NoSpace, …), which also ends the
	// whole fetch.
	Deliver(i int, p []byte) error
}

// Sink is where the chunks go; a store.File is one.
type Sink interface {
	Have() content.Set // what is not to be brought
	WriteChunk(i int, p []byte) error
}
