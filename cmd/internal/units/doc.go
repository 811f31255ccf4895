// Package units reads and writes sizes, rates and durations as people do:
// 64MiB, 20mbit, 2.5MB/s, 1.5 s; and counts things.
package units
