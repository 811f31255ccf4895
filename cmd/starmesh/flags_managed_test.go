package main

import (
	"io"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/cmd/internal/lab/runner"
)

// TestANodeThatHangsInItsEndEndsAllTheSame: nobody may be left to kill it.
func TestANodeThatHangsInItsEndEndsAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, manager := io.Pipe()
		var asked, ended time.Time
		done := make(chan struct{})
		go func() {
			defer close(done)
			endWith(in, func() { asked = time.Now() }, func() { ended = time.Now() })
		}()
		time.Sleep(time.Hour)
		synctest.Wait()
		if !asked.IsZero() {
			t.Fatal("it ends while its manager is there")
		}
		gone := time.Now()
		manager.Close()
		<-done
		if asked.Sub(gone) != 0 || ended.Sub(gone) != runner.LastGrace {
			t.Errorf("asked after %v, ended after %v", asked.Sub(gone), ended.Sub(gone))
		}
	})
}
