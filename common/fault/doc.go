// Package fault lists every way a transfer can fail, each with its wire code,
// so that errors.Is(err, fault.Busy) is true on the far side of a connection
// as well. It owns the kinds, not the words: those are said where it happened.
package fault
