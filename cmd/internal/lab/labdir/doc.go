// Package labdir is what a lab run leaves in its folder beside the load logs
// of its nodes: which experiment it was (lab.json), and for each run what was
// done and found (run.json) and what the manager saw while it ran
// (timeline.ndjson).
//
//	DIR/
//	  lab.json              the experiment: what was asked, on which machine
//	  runs/mesh-8-1/        a run: system, receivers, repetition
//	    run.json            links, faults, judgements
//	    timeline.ndjson     what the manager saw, to be replayed
//	    NAME.jsonl          the load log of each node
//	    NAME.err            what a node wrote to standard error, if anything
//	  results.json results.csv results.md report.html plots/*.svg plots/*.png
//
// The load logs alone make the figures (package runlogs); what is here adds
// what no node can know of itself. It holds data and reads and writes it; the
// lab makes it, the report and the dashboard show it.
//
// What a lab needs only while it runs lies in the folder work inside its own,
// held by a lock that goes with the process of its manager (Scratch). When a
// manager was killed, whoever comes next can tell that it is gone, and which
// files nobody needs any more. Only what a lab has put there is ever removed,
// each file by its name, and nothing outside the lab's folder: no symbolic link
// leads out of it.
package labdir
