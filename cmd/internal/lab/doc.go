// Package lab is the experiment: it sends one file through several systems,
// over the same links, with every node a process of this very program, and
// reports what each system took and whom it loaded.
//
// Seven words, each for one thing, here and in all packages below:
//
//	experiment › case › run   what one lab does, and its folder; one file and
//	                          number of receivers in it; one system, once
//	system                    a way to bring the file to all: star, http, mesh, …
//	node, origin, receiver    a process; the one that has the file; one that fetches it
//	chunk                     a piece of the file, verified and passed on by itself
//	giver, taker              the two ends of one chunk's way (uploader, downloader)
//	bound                     the least possible time over the links
//	fault                     what goes wrong on purpose (fault injection)
//
// Run prepares a folder, measures whether this machine can carry what is asked
// for, has a runner do all runs, makes the report and cleans up. The packages
// below each do one of these things; scenario says what is done, and labdir what
// is left on the disk.
package lab
