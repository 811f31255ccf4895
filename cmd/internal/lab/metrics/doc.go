// Package metrics computes what a comparison reports of one run: how long it
// took, who carried how much, and what it cost.
//
// It takes what the nodes of one run of one system have counted (Run) and
// gives a Report. It is pure: no files, no clocks, no random numbers. It does
// not find out which nodes belong together (package runlogs does) and does not
// print (package report does).
//
// A figure that cannot be known is absent and says why; one that rests on
// doubtful logs says so beside its value.
package metrics
