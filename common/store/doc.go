// Package store owns bytes at rest: a file in the making that verifies every
// chunk before it is written, remembers what it holds across kill -9, and
// takes its final name only when it is whole; a folder of finished files with
// the ids of their contents, remembered between runs.
//
// It chooses nothing and knows no remote. Paths are confined to a folder with
// os.Root; links out of it are never followed.
package store
