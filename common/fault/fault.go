package fault

//lint:file-ignore ST1012 a caller reads fault.NotFound; fault.ErrNotFound would say it twice

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The ways a transfer can fail. A package that fails wraps one of these with
// %w and says what happened to what; whoever decides about it asks errors.Is.
var (
	NotFound     = errors.New("not found")
	Corrupt      = errors.New("corrupt")         // bytes do not match their hash
	Refused      = errors.New("refused")         // not allowed for this address or user
	Unauthorized = errors.New("not authorized")  // credentials missing or wrong
	Busy         = errors.New("busy")            // a bound was reached; try again later
	TooLarge     = errors.New("too large")       // over a limit that was stated beforehand
	Protocol     = errors.New("protocol error")  // the other side broke the grammar
	Version      = errors.New("version")         // no protocol version in common
	Unknown      = errors.New("unknown message") // a well-formed message of a type not known here
	Invalid      = errors.New("invalid")         // a name, size or range that can not be
	Exists       = errors.New("already exists")
	InUse        = errors.New("in use")   // another process works on the same target
	NoSpace      = errors.New("no space") // the disk is full, or would be
	ReadOnly     = errors.New("read-only")
	Changed      = errors.New("changed") // the file is no longer what it was
	Closed       = errors.New("closed")  // the other side ended in good order
	NoSource     = errors.New("no source")
	Internal     = errors.New("internal error")
)

// codes is the wire form; numbers are never used again for something else.
// central/PROTOCOL.md and peer/PROTOCOL.md print this table and a test
// compares them with it.
var codes = []struct {
	code uint16
	err  error
}{
	{1, NotFound}, {2, Corrupt}, {3, Refused}, {4, Unauthorized}, {5, Busy},
	{6, TooLarge}, {7, Protocol}, {8, Version}, {9, Unknown}, {10, Invalid},
	{11, Exists}, {12, InUse}, {13, NoSpace}, {14, ReadOnly}, {15, Changed},
	{16, Closed}, {17, NoSource}, {18, Internal},
}

// Code returns the wire code of err: that of the first sentinel it wraps, and
// Internal's for an error that wraps none. Code(nil) is 0.
func Code(err error) uint16 {
	if err == nil {
		return 0
	}
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return Code(Internal)
}

// FromCode rebuilds an error from its wire form, so that errors.Is holds
// across the wire. A code from a newer version becomes Internal.
func FromCode(code uint16, text string, retryAfter time.Duration) error {
	kind := Internal
	for _, c := range codes {
		if c.code == code {
			kind = c.err
		}
	}
	return &remoteError{kind: kind, text: text, retryAfter: retryAfter}
}

// remoteError is a failure the other side told of.
type remoteError struct {
	kind       error
	text       string
	retryAfter time.Duration
}

func (e *remoteError) Error() string {
	if e.text == "" {
		return e.kind.Error()
	}
	return e.text
}

func (e *remoteError) Unwrap() error { return e.kind }

// Later marks err with the time after which trying again may succeed.
func Later(err error, after time.Duration) error {
	return &laterError{err: err, after: after}
}

type laterError struct {
	err   error
	after time.Duration
}

func (e *laterError) Error() string { return e.err.Error() }
func (e *laterError) Unwrap() error { return e.err }

// RetryAfter returns how long whoever failed with err asked us to wait; 0 when
// nothing was said.
func RetryAfter(err error) time.Duration {
	var remote *remoteError
	if errors.As(err, &remote) {
		return remote.retryAfter
	}
	var later *laterError
	if errors.As(err, &later) {
		return later.after
	}
	return 0
}

// Final reports whether trying the same again can not help: the other side
// understood and said no, or our own disk did. Everything else (a broken
// connection, a server that is down or busy) may pass.
func Final(err error) bool {
	for _, kind := range []error{
		NotFound, Refused, Unauthorized, TooLarge, Version, Unknown, Invalid,
		Exists, InUse, NoSpace, ReadOnly, Changed, context.Canceled,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}

// Codes lists every sentinel with its wire code, for tests that hold a
// document against the code.
func Codes() map[string]uint16 {
	all := make(map[string]uint16, len(codes))
	for _, c := range codes {
		all[c.err.Error()] = c.code
	}
	return all
}

// Wrapf returns an error of the given kind with a text of its own, so that a
// message reads as a sentence and not as a chain of colons. A cause may be part
// of the text by %w: errors.Is and errors.As find it, but what kind the cause
// had is not asked any more.
func Wrapf(kind error, format string, args ...any) error {
	return &wrapped{kind: kind, words: words{fmt.Errorf(format, args...)}}
}

type wrapped struct {
	kind  error
	words words
}

func (e *wrapped) Error() string   { return e.words.err.Error() }
func (e *wrapped) Unwrap() []error { return []error{e.kind, e.words} }

// words are the text of an error and its causes, without their kinds.
type words struct{ err error }

func (w words) Error() string      { return w.err.Error() }
func (w words) As(target any) bool { return errors.As(w.err, target) }
func (w words) Is(target error) bool {
	for _, c := range codes {
		if target == c.err {
			return false
		}
	}
	return errors.Is(w.err, target)
}
