// Package retry says whether and when something that failed is tried again:
// exponential backoff with jitter, and a patience that every bit of progress
// renews; and how much of the time this process has slept through. It says so; the
// pause itself, a dial or a goroutine are its user's.
package retry
