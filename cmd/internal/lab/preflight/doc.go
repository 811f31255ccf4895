// Package preflight tells before a lab begins whether this machine can carry it
// honestly: with processors, memory and disk to spare, so that times are those
// of the links. It measures first, with the program itself: one receiver, over
// the links that are to be used.
package preflight
