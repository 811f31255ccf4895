// Package transfer is the transfer itself, written once for both builds: which
// chunks are still wanted, who has claimed which, verify, store, count, retry.
//
// It never sees a message or an address. An Intake is what one file still
// lacks and who has promised it; chunks come to it in one of two ways. In
// central, chunks are asked for: a connection to the server is a Source, and
// Fetch runs each, and again when it has failed. In peer, chunks are offered:
// each remote is a Claimant of the intake for as long as it is there, runs by
// itself, and whoever wants the file only waits.
package transfer
