// Package scenario says what a lab is asked to do: which file, over which
// links, to how many receivers, through which systems, and how often. It is
// pure: nothing is started or measured here.
package scenario
