package main

import (
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// TestRetryForReachesTheClient: what get and put are told of trying again decides
// how long their server may be silent.
func TestRetryForReachesTheClient(t *testing.T) {
	var f connectFlags
	cmd := &cobra.Command{}
	f.addRetry(cmd)
	f.add(cmd)
	if err := cmd.ParseFlags([]string{"--retry-for", "20s"}); err != nil {
		t.Fatal(err)
	}
	cfg, err := f.config(cmd, &node{})
	if err != nil || cfg.Stall != 5*time.Second {
		t.Errorf("a server may be silent for %v, %v", cfg.Stall, err)
	}
}
