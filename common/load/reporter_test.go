package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/load"
)

// lines keeps each Write apart.
type lines struct {
	all    []string
	synced bool
	fail   error
}

func (l *lines) Write(p []byte) (int, error) {
	if l.fail != nil {
		return 0, l.fail
	}
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) Sync() error { l.synced = true; return nil }

func (l *lines) reports(t *testing.T) []load.Report {
	t.Helper()
	all := make([]load.Report, len(l.all))
	for i, line := range l.all {
		if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") {
			t.Errorf("a write of %q is not one line", line)
		}
		if err := json.Unmarshal([]byte(line), &all[i]); err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
	}
	return all
}

func TestALogHasAStartASampleEachSecondAndOneFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(load.Meter)
		r := reporter(m)
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		log := new(lines)
		time.AfterFunc(1500*time.Millisecond, func() { m.PayloadIn.Add(100) })
		time.AfterFunc(3400*time.Millisecond, func() { r.End(nil) })
		if err := r.Log(ctx, log, time.Second); err != nil {
			t.Fatal(err)
		}
		reports := log.reports(t)
		var kinds []load.Kind
		for _, r := range reports {
			kinds = append(kinds, r.Kind)
		}
		if want := []load.Kind{"start", "sample", "sample", "sample", "final"}; !slices.Equal(kinds, want) {
			t.Fatalf("got %v, want %v", kinds, want)
		}
		if reports[1].PayloadInBytes != 0 || reports[2].PayloadInBytes != 100 {
			t.Errorf("payload at 1 s and 2 s is %d and %d", reports[1].PayloadInBytes, reports[2].PayloadInBytes)
		}
		last := reports[4]
		if last.ElapsedSeconds != 3.5 || last.Outcome != load.Done || last.Error != "" {
			t.Errorf("the final: %+v", last)
		}
		if !log.synced {
			t.Error("the log was not written to the disk")
		}
	})
}

func TestTheFinalTellsTheOutcome(t *testing.T) {
	for _, c := range []struct {
		name          string
		end           func(*load.Reporter)
		outcome, text string
	}{
		{"nobody said anything", func(*load.Reporter) {}, load.Interrupted, ""},
		{"done", func(r *load.Reporter) { r.End(nil) }, load.Done, ""},
		{"failed", func(r *load.Reporter) { r.End(errors.New("disk full")) }, load.Failed, "disk full"},
		{"stopped", func(r *load.Reporter) { r.End(context.Canceled) }, load.Interrupted, "context canceled"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := reporter(new(load.Meter))
			c.end(r)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			log := new(lines)
			if err := r.Log(ctx, log, time.Hour); err != nil {
				t.Fatal(err)
			}
			reports := log.reports(t)
			if len(reports) != 2 {
				t.Fatalf("%d lines, want 2", len(reports))
			}
			if reports[0].Outcome != "" || reports[1].Outcome != c.outcome || reports[1].Error != c.text {
				t.Errorf("got %q %q, want %q %q", reports[1].Outcome, reports[1].Error, c.outcome, c.text)
			}
		})
	}
}

func TestALogThatCannotBeWrittenEndsWithTheReason(t *testing.T) {
	full := errors.New("no space left on device")
	err := reporter(new(load.Meter)).Log(t.Context(), &lines{fail: full}, time.Second)
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "load log") {
		t.Errorf("got %v", err)
	}
	if err := reporter(new(load.Meter)).Log(t.Context(), io.Discard, 0); err == nil {
		t.Error("an interval of 0 was accepted")
	}
}

func TestAFileHoldsTheWholeLog(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "load.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := reporter(new(load.Meter))
	r.End(nil)
	if err := r.Log(ctx, file, time.Second); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	log, problems, err := load.ReadLog(file)
	if err != nil || len(problems) > 0 || log.Start == nil || log.Final.Outcome != load.Done {
		t.Errorf("read back: %+v, %v, %v", log, problems, err)
	}
}

func TestTheProcessKnowsItself(t *testing.T) {
	got := reporter(new(load.Meter)).Sample(load.Sample)
	if got.CPUSeconds == nil || *got.CPUSeconds <= 0 {
		t.Errorf("cpu seconds: %v", got.CPUSeconds)
	}
	if got.RSSBytes == nil || *got.RSSBytes < 1<<20 {
		t.Errorf("memory: %v", got.RSSBytes)
	}
	if runtime.GOOS == "linux" && (got.RSSPeakBytes == nil || *got.RSSPeakBytes < *got.RSSBytes || got.FDs == nil || *got.FDs < 3) {
		t.Errorf("peak %v, descriptors %v", got.RSSPeakBytes, got.FDs)
	}
	if got.Goroutines < 2 || got.PID != os.Getpid() || got.OS != runtime.GOOS || got.CPUs < 1 {
		t.Errorf("got %+v", got)
	}
	at, err := time.Parse(time.RFC3339Nano, got.Time)
	if err != nil || !strings.HasSuffix(got.Time, "Z") || time.Since(at) > time.Minute {
		t.Errorf("time %q: %v", got.Time, err)
	}
}

func TestSamplesStaySmallWhereTheFinalIsWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(load.Meter)
		for i := range 500 {
			m.Remote(strings.Repeat("x", i)).PayloadIn.Add(int64(i))
			m.Transfer("id", "f", 1).Done()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		log := new(lines)
		if err := reporter(m).Log(ctx, log, time.Second); err != nil {
			t.Fatal(err)
		}
		reports := log.reports(t)
		if s := reports[1]; len(s.Remotes) != 65 || len(s.Transfers) != 64 || s.TransfersOmitted != 436 {
			t.Errorf("sample: %d remotes, %d transfers, %d omitted", len(s.Remotes), len(s.Transfers), s.TransfersOmitted)
		}
		if f := reports[2]; len(f.Remotes) != 499 || len(f.Transfers) != 500 || f.TransfersOmitted != 0 {
			t.Errorf("final: %d remotes, %d transfers, %d omitted", len(f.Remotes), len(f.Transfers), f.TransfersOmitted)
		}
		sum := int64(0)
		for _, r := range reports[1].Remotes {
			sum += r.PayloadInBytes
		}
		if sum != 499*500/2 {
			t.Errorf("the remotes of the sample sum to %d", sum)
		}
	})
}

func TestSecretsStayOutOfTheCommandLine(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"starmesh central get host:7070 f", "starmesh central get host:7070 f"},
		{"--password hunter2 f", "--password *** f"},
		{"--password=hunter2 f", "--password=*** f"},
		{"--agent-token=abc --up 20mbit", "--agent-token=*** --up 20mbit"},
		{"--network-key k.txt", "--network-key ***"},
		{"--user bob:hunter2 f", "--user bob:*** f"},
		{"--user=bob:hunter2 f", "--user=bob:*** f"},
		{"--user bob f", "--user bob f"},
		{"star://bob:hunter2@host:7070/f", "star://bob:***@host:7070/f"},
		{"--from=star://bob:hunter2@host:7070/f", "--from=star://bob:***@host:7070/f"},
		{"bob:hunter2@host:7070", "bob:***@host:7070"},
		{"get https://host/f?key=hunter2&until=1 https://host/g?", "get https://host/f?*** https://host/g?"},
		{"http://host/f?key=hunter2#sha256=ab", "http://host/f?***#sha256=ab"},
		{"star://host:7070/a@b", "star://host:7070/a@b"},
		{"https://bob:hun/ter2@host/f", "https://bob:***@host/f"},
		{"https://bob:hun?ter2@host/f?key=hunter2", "https://bob:***@host/f?***"},
		{"https://bob:h@unter2@host/f#ag", "https://bob:***@host/f#ag"},
		{"https://bob:hunter2@", "https://bob:***@"},
		{"bob:hunter2@https://host/f", "bob:***@https://host/f"},
		{"a/b:c@d", "a/b:c@d"},
		{"--allow-peer 12D3 --listen /ip4/127.0.0.1/tcp/0", "--allow-peer 12D3 --listen /ip4/127.0.0.1/tcp/0"},
	} {
		args := strings.Split(c.args, " ")
		got := strings.Join(load.WithoutSecrets(args), " ")
		if got != c.want {
			t.Errorf("%q became %q, want %q", c.args, got, c.want)
		}
	}
	r := load.NewReporter(load.Info{Command: []string{"--password", "hunter2"}}, new(load.Meter), new(load.Sockets))
	line, err := json.Marshal(r.Sample(load.Start))
	if err != nil || bytes.Contains(line, []byte("hunter2")) {
		t.Errorf("the report says %s, %v", line, err)
	}
}
