// Package store owns bytes at rest: a file in the making (Part) that verifies
// every chunk before it is written, remembers what it holds across kill -9,
// and takes its final name only when it is whole; finished files (Held) and
// the folder that is served (Folder), with the ids of their contents
// remembered between runs (Cache); a collection in a folder (Tree), whose small
// files are written whole (Writer); and a File in memory for small things.
//
// It chooses nothing and knows no remote. Paths are confined to a folder with
// os.Root; links out of it are never followed.
package store
