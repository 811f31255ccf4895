// Package machine tells what the computer a lab runs on is, what it can carry,
// and whether it was the limit while it ran. All nodes of a lab share one
// machine: when its processors are busy, or its memory is full, times say more
// about the machine than about the links.
package machine
