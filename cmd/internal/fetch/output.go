package fetch

import "time"

// Output is where a fetch tells how it goes. Its methods may be called from
// several goroutines.
type Output interface {
	Note(format string, args ...any) // a line for people
	Warn(format string, args ...any) // of what went wrong without ending the fetch
	Verbose() bool                   // whether a line for each of many files is wished for
	Event(name string, fields any)   // for programs; fields make a JSON object
	// Bar begins to show how far a piece of work has come: kept bytes were there
	// before, total are to come.
	Bar(title string, kept, total int64) Bar
	Words(err error) string // of an error, for people, on one line
	// Waiting tells that nothing moves for now, why, and when the next try is.
	Waiting(name string, why error, after time.Duration)
}

// Bar shows how far one piece of work has come, until it is finished.
type Bar interface {
	Add(bytes int64)
	Kept(bytes int64) // so many of those to come were there already
	Set(bytes int64)
	Total(bytes int64)   // corrects how much there is to do
	Files(done, all int) // of a folder
	Finish(err error)
}
