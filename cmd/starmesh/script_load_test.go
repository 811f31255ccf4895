package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"starmesh/common/load"
)

// balanced SERVER.jsonl RECEIVER.jsonl...: what left the server reached the
// receivers, what they sent each other too, and each knows from where all of it came.
func balanced(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: balanced SERVER.jsonl RECEIVER.jsonl...")
	}
	server := finalReport(ts, args[0])
	var fromServer, sent, got int64
	for _, name := range args[1:] {
		r := finalReport(ts, name)
		var in int64
		for _, remote := range r.Remotes {
			in += remote.PayloadInBytes
			if isNode(remote.Remote) {
				got += remote.PayloadInBytes
				sent += remote.PayloadOutBytes
			} else {
				fromServer += remote.PayloadInBytes
			}
		}
		if r.Role != load.RolePeer || in != r.PayloadInBytes || in == 0 {
			ts.Fatalf("%s: a %s got %d bytes, %d of them from somebody", name, r.Role, r.PayloadInBytes, in)
		}
	}
	if server.Role != load.RoleServer || fromServer != server.PayloadOutBytes || sent != got || got == 0 {
		ts.Fatalf("the %s sent %d bytes, of which %d came; the receivers sent each other %d, of which %d came", server.Role, server.PayloadOutBytes, fromServer, sent, got)
	}
}

// copies LOG FILE MOST: the node of that log sent the file so many times at the most.
func copies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: copies LOG FILE MOST")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	most, err := strconv.ParseFloat(args[2], 64)
	ts.Check(err)
	if sent := float64(finalReport(ts, args[0]).PayloadOutBytes) / float64(info.Size()); sent < 1 || sent > most {
		ts.Fatalf("%.2f copies left, at the most %s were to", sent, args[2])
	}
}

// finalReport reads the last report of a load log, which is to be the final one.
func finalReport(ts *testscript.TestScript, name string) *load.Report {
	f, err := os.Open(ts.MkAbs(name))
	ts.Check(err)
	defer f.Close()
	log, _, err := load.ReadLog(f)
	ts.Check(err)
	if log.Final == nil {
		ts.Fatalf("%s has no final report", name)
	}
	return log.Final
}

// isNode reports whether a remote is a node of the mesh: those are known by their ids.
func isNode(remote string) bool { return strings.HasPrefix(remote, "12D3Koo") }
