// Package runlogs reads load logs as evidence of what happened: which nodes
// belong to one run, who was the origin and who received, and what in the logs
// contradicts itself.
//
// Nothing that is doubtful becomes a number without a word: what was left out
// is a Finding with its file and line, and what makes figures untrustworthy is
// a Doubt on the run. Package metrics computes from what is given here.
package runlogs
