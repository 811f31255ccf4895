package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/cmd/internal/lab/evidence"
	"starmesh/cmd/internal/lab/record"
	"starmesh/common/load"
)

// conserved DIR TRIALS: in each trial of a lab, all nodes together have received
// as many bytes of chunks as they have sent, and every receiver has the file.
func conserved(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: conserved DIR TRIAL...")
	}
	for _, trial := range args[1:] {
		dir := record.TrialDir(ts.MkAbs(args[0]), trial)
		text, err := os.ReadFile(filepath.Join(dir, record.RunFile))
		ts.Check(err)
		var run record.Trial
		ts.Check(json.Unmarshal(text, &run))
		if run.Error != "" || run.Verified != run.Receivers || run.DistributionSeconds == nil || len(run.Doubts) > 0 {
			ts.Fatalf("%s: %d of %d verified, error %q, doubts %q", trial, run.Verified, run.Receivers, run.Error, run.Doubts)
		}
		out, in := int64(0), int64(0)
		logs := logsOf(ts, dir)
		for _, log := range logs {
			if log.Final == nil {
				ts.Fatalf("%s: the log of %s has no final report", trial, log.Last().Node)
			}
			out, in = out+log.Final.PayloadOutBytes, in+log.Final.PayloadInBytes
		}
		if len(logs) != run.Receivers+1 || out != in || out == 0 {
			ts.Fatalf("%s: %d logs, %d bytes sent, %d received", trial, len(logs), out, in)
		}
	}
}

// logsOf reads the load logs in a folder.
func logsOf(ts *testscript.TestScript, dir string) []load.Log {
	names, err := filepath.Glob(filepath.Join(dir, "*"+evidence.Ext))
	ts.Check(err)
	var logs []load.Log
	for _, name := range names {
		f, err := os.Open(name)
		ts.Check(err)
		log, _, err := load.ReadLog(f)
		f.Close()
		ts.Check(err)
		if log.Last() != nil {
			logs = append(logs, log)
		}
	}
	return logs
}

// ended DIR NODES: so many nodes have logs in a trial's folder, and each of them
// has come to its end and said so. It waits for that, a few seconds.
func ended(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ended DIR")
	}
	open := ""
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		open = ""
		logs := logsOf(ts, ts.MkAbs(args[0]))
		for _, log := range logs {
			if log.Final == nil {
				open += " " + log.Last().Node
			}
		}
		if open == "" && len(logs) > 0 {
			return
		}
	}
	ts.Fatalf("nodes have not ended:%s", open)
}
