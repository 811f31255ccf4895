// Package faultinject is what goes wrong on purpose in a run: which faults there
// are, which nodes they hit, what is to be expected of a star and of a mesh,
// what is to be done when, and whether it came as expected.
//
// Course and Plan are pure: they are told of events and say what to do. Injector
// does it to the nodes that package runner runs.
//
//	stop-origin@50%      the origin goes when half of all has arrived, and
//	                     comes back once all stand still without it
//	kill-receivers:3@30% three receivers are killed when 30 % has arrived
//	churn:10s            every 10 s a receiver is killed and started again
//	free-rider:4         four receivers give nothing
//	liar:1               one receiver gives wrong bytes
//	slow:2               two receivers have a tenth of the rates
//	slow-accept:1s       the origin waits after each connection that it takes
package faultinject
