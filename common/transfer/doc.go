// Package transfer is the transfer itself, written once for both builds: which
// chunks are still wanted, who has claimed which, verify, store, retry.
//
// It owns the taker's bookkeeping and every goroutine that fetches. It never
// sees a message or an address: a Source brings chunks, wherever from. In
// central there is one kind of source, a connection to the server; in peer
// there are many, and they come and go while the fetch runs.
package transfer
