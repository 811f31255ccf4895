// Package record is what a lab run leaves in its folder beside the load logs
// of its nodes: which experiment it was (lab.json), and for each trial what was
// done and found (run.json) and what the manager saw while it ran
// (timeline.ndjson).
//
//	DIR/
//	  lab.json              the experiment: what was asked, on which machine
//	  runs/mesh-8-1/        a trial: system, receivers, repetition
//	    run.json            links, faults, judgements
//	    timeline.ndjson     what the manager saw, to be replayed
//	    NAME.jsonl          the load log of each node
//	    NAME.err            what a node wrote to standard error, if anything
//	  results.json results.csv results.md report.html plots/*.svg plots/*.png
//
// The load logs alone make the figures (package evidence); what is here adds
// what no node can know of itself. It holds data and reads and writes it; the
// lab makes it, the report and the dashboard show it.
package record
