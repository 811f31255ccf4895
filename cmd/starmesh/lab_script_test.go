package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/runlogs"
	"starmesh/common/load"
)

// conserved DIR RUN: in each run of a lab, all nodes together have received
// as many bytes of chunks as they have sent, and every receiver has the file.
func conserved(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: conserved DIR RUN...")
	}
	for _, name := range args[1:] {
		dir := labdir.RunDir(ts.MkAbs(args[0]), name)
		text, err := os.ReadFile(filepath.Join(dir, labdir.RunFile))
		ts.Check(err)
		var run labdir.Run
		ts.Check(json.Unmarshal(text, &run))
		if run.Error != "" || run.Verified != run.Receivers || run.DistributionSeconds == nil || len(run.Doubts) > 0 {
			ts.Fatalf("%s: %d of %d verified, error %q, doubts %q", name, run.Verified, run.Receivers, run.Error, run.Doubts)
		}
		out, in := int64(0), int64(0)
		logs := logsOf(ts, dir)
		for _, log := range logs {
			if log.Final == nil {
				ts.Fatalf("%s: the log of %s has no final report", name, log.Last().Node)
			}
			out, in = out+log.Final.PayloadOutBytes, in+log.Final.PayloadInBytes
		}
		if len(logs) != run.Receivers+1 || out != in || out == 0 {
			ts.Fatalf("%s: %d logs, %d bytes sent, %d received", name, len(logs), out, in)
		}
	}
}

// logsOf reads the load logs in a folder.
func logsOf(ts *testscript.TestScript, dir string) []load.Log {
	names, err := filepath.Glob(filepath.Join(dir, "*"+runlogs.Ext))
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

// freeze LAB NODE: the process of a node of the lab in that folder gets SIGSTOP,
// and is seen to have stopped. On Linux only.
func freeze(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: freeze LAB NODE")
	}
	pid := nodeProcess(ts, args[0], args[1])
	ts.Check(exec.Command("kill", "-STOP", pid).Run())
	stopped := regexp.MustCompile(`\) [Tt] `)
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if text, _ := os.ReadFile("/proc/" + pid + "/stat"); stopped.Match(text) {
			return
		}
	}
	ts.Fatalf("%s does not stop", args[1])
}

// nodeProcess finds the process of a node of a lab.
func nodeProcess(ts *testscript.TestScript, lab, node string) (pid string) {
	for pid, line := range processesOf(ts, lab) {
		if strings.Contains(line, " --node "+node+" ") {
			return pid
		}
	}
	ts.Fatalf("no process is %s of %s", node, lab)
	return ""
}

// nobody LAB: no process is a node of the lab in that folder any more. It waits
// for that.
func nobody(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: nobody LAB")
	}
	var left map[string]string
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if left = processesOf(ts, args[0]); len(left) == 0 {
			return
		}
	}
	ts.Fatalf("still there: %q", left)
}

// processesOf returns the command lines of the nodes of a lab, by process. Its
// folder is named as the script named it.
func processesOf(ts *testscript.TestScript, lab string) map[string]string {
	names, err := filepath.Glob("/proc/[0-9]*/cmdline")
	ts.Check(err)
	all := make(map[string]string)
	for _, name := range names {
		proc := filepath.Dir(name)
		text, _ := os.ReadFile(name) // it may have ended
		line := strings.ReplaceAll(string(text), "\x00", " ")
		cwd, _ := os.Readlink(filepath.Join(proc, "cwd"))
		if cwd == ts.Getenv("WORK") && strings.Contains(line, " --load-log "+lab+"/"+labdir.RunsDir) {
			all[filepath.Base(proc)] = line
		}
	}
	return all
}

// ended DIR: the nodes whose logs are in a run's folder have come to their ends
// and said so. It waits for that, a few seconds.
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
