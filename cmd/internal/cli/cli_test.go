package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/spf13/cobra"
	"go.uber.org/goleak"

	"starmesh/cmd/internal/cli"
	"starmesh/common/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// work does 100 bytes a second for a number of seconds, under a bar for total,
// with err as its end, and returns what was printed.
func work(t *testing.T, mode cli.Mode, total, kept int64, seconds int, err error) (stdout, stderr string) {
	var out, errOut bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		bar := cli.NewOutput(&out, &errOut, mode).Bar("get model.bin", total+kept)
		bar.Kept(kept)
		bar.Start()
		time.Sleep(5 * time.Millisecond) // never at the very moment of an update
		for range seconds * 10 {
			time.Sleep(100 * time.Millisecond)
			bar.Add(10)
		}
		bar.Finish(err)
	})
	return out.String(), errOut.String()
}

func TestWorkThatTakesLongIsToldOfInPlainLines(t *testing.T) {
	out, got := work(t, cli.Plain, 4000, 0, 40, nil)
	const want = "get model.bin: 1.0 KiB of 3.9 KiB (26%), 99 B/s, 30s left\n"
	lines := strings.SplitAfter(strings.TrimSuffix(got, "\n"), "\n")
	if len(lines) != 4 {
		t.Fatalf("40 s of work should take three lines and a last one:\n%s", got)
	}
	if lines[0] != want {
		t.Errorf("first line is %q, want %q", lines[0], want)
	}
	if want := "get model.bin: done, 3.9 KiB in 40s, 100 B/s"; lines[3] != want {
		t.Errorf("last line is %q, want %q", lines[3], want)
	}
	if strings.ContainsAny(got, "\r\x1b") || out != "" {
		t.Errorf("control codes, or words on stdout: %q %q", got, out)
	}
}

// TestTheTimeOfAllWorkIsToldBesideThatOfThis: a lab is of many runs.
func TestTheTimeOfAllWorkIsToldBesideThatOfThis(t *testing.T) {
	for mode, want := range map[cli.Mode]string{
		cli.Plain:    "[1/2] run: 1.0 KiB of 3.9 KiB (26%), 99 B/s, 30s left, 2m30s in all\n",
		cli.Terminal: " 1.0 KiB of 3.9 KiB, 100 B/s, 30s left, 2m30s in all",
	} {
		var errOut bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			bar := cli.NewOutput(&bytes.Buffer{}, &errOut, mode).Bar("[1/2] run", 4000)
			bar.Then(2 * time.Minute)
			bar.Start()
			time.Sleep(5 * time.Millisecond)
			for range 150 {
				time.Sleep(100 * time.Millisecond)
				bar.Add(10)
			}
			bar.Finish(nil)
		})
		if !strings.Contains(errOut.String(), want) {
			t.Errorf("%v: %q is never told:\n%q", mode, want, errOut.String())
		}
	}
}

func TestWorkThatEndsAtOnceIsNotToldOf(t *testing.T) {
	for _, mode := range []cli.Mode{cli.Plain, cli.Terminal, cli.Quiet, cli.JSON} {
		var out, errOut bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			bar := cli.NewOutput(&out, &errOut, mode).Bar("hash x", 10)
			bar.Start()
			time.Sleep(400 * time.Millisecond)
			bar.Finish(nil)
		})
		if out.Len()+errOut.Len() > 0 {
			t.Errorf("mode %d printed %q and %q", mode, out.String(), errOut.String())
		}
	}
}

func TestStoppedWorkSaysSo(t *testing.T) {
	_, got := work(t, cli.Plain, 4000, 1<<20, 2, errors.New("gone"))
	if want := "get model.bin (1.0 MiB kept): stopped, 200 B in 2s, 100 B/s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWhatWasThereCountsAsDoneAndNotAsSpeed: a file that is resumed is as large as
// ever.
func TestWhatWasThereCountsAsDoneAndNotAsSpeed(t *testing.T) {
	_, got := work(t, cli.Plain, 2<<10, 8<<10, 15, nil)
	if want := "get model.bin (8.0 KiB kept): 9.0 KiB of 10 KiB (90%), 99 B/s, 10s left\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	_, got = work(t, cli.Terminal, 2<<10, 8<<10, 15, nil)
	for _, want := range []string{"get model.bin (8.0 KiB kept): ", "s left  90% |", " 9.0 KiB of 10 KiB, 100 B/s, 10s left"} {
		if !strings.Contains(got, want) {
			t.Errorf("the bar never shows %q:\n%q", want, got)
		}
	}
	if strings.Contains(got, "KiB/s") {
		t.Errorf("what was kept counts as speed: %q", got)
	}
}

// TestLinesOfALogHaveTheTime: those that do not go to a terminal; once each, also
// where the log's own library would say it.
func TestLinesOfALogHaveTheTime(t *testing.T) {
	var errOut bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		cmd := &cobra.Command{Use: "serve"}
		cmd.SetErr(&errOut)
		cli.DateLines(cmd)
		out := cli.ForCommand(cmd)
		out.Note("serving files")
		out.Warn("no disk")
		out.Logger().Info("closed", "remote", "x")
		bar := out.Bar("get x", 4000)
		bar.Start()
		time.Sleep(12 * time.Second)
		bar.Finish(nil)
	})
	lines := strings.Split(strings.TrimSpace(errOut.String()), "\n")
	if len(lines) != 5 {
		t.Fatalf("got %q", lines)
	}
	at, rest := "", []string{"serving files", "starmesh: no disk", "level=INFO msg=closed remote=x"}
	for i, line := range lines {
		if _, err := time.Parse(time.DateTime, line[:min(len(line), len(time.DateTime))]); err != nil || line < at {
			t.Errorf("%q has no time, or an earlier one than the line before", line)
		}
		at = line[:min(len(line), len(time.DateTime))]
		if i < len(rest) && line[min(len(line), len(time.DateTime)+1):] != rest[i] {
			t.Errorf("%q does not end in %q", line, rest[i])
		}
	}
}

func TestQuietWorkSaysNothing(t *testing.T) {
	if out, errOut := work(t, cli.Quiet, 4000, 0, 40, nil); out+errOut != "" {
		t.Errorf("printed %q and %q", out, errOut)
	}
}

func TestWorkIsToldToProgramsInJSON(t *testing.T) {
	out, errOut := work(t, cli.JSON, 300, 7, 3, nil)
	if errOut != "" {
		t.Errorf("stderr has %q", errOut)
	}
	var last struct {
		Event string
		Name  string
		Bytes int64
		Total int64 `json:"total_bytes"`
		Kept  int64 `json:"kept_bytes"`
		Rate  int64 `json:"bytes_per_second"`
	}
	count := 0
	for line := range strings.Lines(out) {
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		count++
	}
	if count != 4 {
		t.Errorf("3 s of work gave %d events:\n%s", count, out)
	}
	if last.Event != "progress" || last.Bytes != 307 || last.Total != 307 || last.Kept != 7 || last.Name == "" {
		t.Errorf("the last event is %+v", last)
	}
}

func TestABarMovesOnATerminalAndLeavesNothingBehind(t *testing.T) {
	out, got := work(t, cli.Terminal, 400, 0, 4, nil)
	if out != "" {
		t.Errorf("stdout has %q", out)
	}
	for _, want := range []string{"get model.bin", "25%", "75%", "B/s"} {
		if !strings.Contains(got, want) {
			t.Errorf("the bar never shows %q:\n%q", want, got)
		}
	}
	if at := strings.LastIndexByte(strings.TrimSuffix(got, "\r"), '\r'); strings.TrimSpace(got[at:]) != "" {
		t.Errorf("the last thing on the line is %q", got[at:])
	}
	if strings.Contains(got, "\n") {
		t.Errorf("the bar scrolls: %q", got)
	}
}

func TestABarOfUnknownLengthTurns(t *testing.T) {
	_, got := work(t, cli.Terminal, -1, 0, 4, nil)
	if !strings.Contains(got, "300 B") {
		t.Errorf("got %q", got)
	}
}

func TestAnEmptyFileHasABarToo(t *testing.T) {
	for _, mode := range []cli.Mode{cli.Plain, cli.Terminal, cli.JSON} {
		work(t, mode, 0, 0, 2, nil)
	}
}

func TestALineIsPrintedAboveTheBar(t *testing.T) {
	var errOut bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		out := cli.NewOutput(&bytes.Buffer{}, &errOut, cli.Terminal)
		bar := out.Bar("get x", 100)
		bar.Start()
		time.Sleep(time.Second)
		out.Note("the server is back")
		time.Sleep(time.Second)
		bar.Finish(nil)
	})
	if !strings.Contains(errOut.String(), "\rthe server is back\n") {
		t.Errorf("the line does not begin at the left: %q", errOut.String())
	}
}

func TestEvents(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, `{"event":"x"}`},
		{struct{}{}, `{"event":"x"}`},
		{map[string]any{"a": 1}, `{"event":"x","a":1}`},
	} {
		if got := cli.EventLine("x", c.v); got != c.want {
			t.Errorf("EventLine(%v) = %s, want %s", c.v, got, c.want)
		}
	}
	var out, errOut bytes.Buffer
	cli.NewOutput(&out, &errOut, cli.JSON).Waiting("model.bin", errors.New("gone"), 2*time.Second)
	if want := `{"event":"waiting","name":"model.bin","why":"gone","retry_in_seconds":2}` + "\n"; out.String() != want {
		t.Errorf("got %s", out.String())
	}
	if errOut.Len() > 0 {
		t.Errorf("stderr has %q", errOut.String())
	}
}

func TestExitStatus(t *testing.T) {
	cmd := &cobra.Command{Use: "get"}
	wrong := cli.Usagef(cmd, "too few arguments")
	for _, c := range []struct {
		err    error
		status int
		hint   string
	}{
		{nil, 0, ""},
		{errors.New("x"), 1, ""},
		{fault.Wrapf(fault.NotFound, "no such file"), 1, ""},
		{wrong, 2, "Try 'get --help'."},
		{fmt.Errorf("again: %w", wrong), 2, "Try 'get --help'."},
	} {
		if got := cli.Status(c.err); got != c.status {
			t.Errorf("Status(%v) = %d, want %d", c.err, got, c.status)
		}
		if got := cli.Hint(c.err); got != c.hint {
			t.Errorf("Hint(%v) = %q, want %q", c.err, got, c.hint)
		}
	}
	if got := cli.OneLine(errors.Join(errors.New("a"), errors.New("b"))); got != "a; b" {
		t.Errorf("OneLine gives %q", got)
	}
}

// TestHintsAreWordedInFlags: what a library says would help is said as it is
// typed, by OneLine, which all errors pass.
func TestHintsAreWordedInFlags(t *testing.T) {
	why := errors.New("it is so")
	for hint, want := range map[fault.Hint]string{
		fault.HintReplace:      "f: it is so; --force replaces it",
		fault.HintReplaceAlien: "f: it is so, or --force replaces it",
		fault.HintStartOver:    "f: it is so; --force starts over",
		fault.HintLogin:        "f: it is so: use --user and --password-file",
		fault.HintUser:         "f: it is so (--user NAME)",
		fault.HintPlain:        "f: it is so, or leave --tls out",
		fault.HintWritable:     "f: it is so (its operator would start it with --writable)",
	} {
		if got := cli.OneLine(fmt.Errorf("f: %w", fault.Advise(why, hint))); got != want {
			t.Errorf("%s: %q, want %q", hint, got, want)
		}
	}
}

// TestNothingForATerminalToObey: whatever a stranger called a file or answered,
// no control and no bidirectional character gets out, but on stdout for a
// program that asked for the very bytes.
func TestNothingForATerminalToObey(t *testing.T) {
	const evil = "x\x1b]0;title\a\u009b31m\u202egpj.exe\xff"
	obeyed := func(r rune) bool { return !unicode.IsGraphic(r) && r != '\n' }
	for _, mode := range []cli.Mode{cli.Plain, cli.Terminal, cli.Quiet, cli.JSON} {
		var out, errOut bytes.Buffer
		synctest.Test(t, func(t *testing.T) {
			o := cli.NewOutput(&out, &errOut, mode)
			o.Note("%s", evil)
			o.Warn("two\nlines, %s", evil)
			o.Waiting(evil, errors.New(evil), time.Second)
			o.Event("found", map[string]string{"name": evil})
			o.Logger().Error(evil, "name", evil, "error", errors.New(evil))
			fmt.Fprintln(o.Lines(), evil)
			bar := o.Bar(evil, 100)
			bar.Start()
			time.Sleep(20 * time.Second)
			bar.Finish(nil)
		})
		text := errOut.String()
		if mode == cli.Terminal { // the bar moves with these
			text = strings.NewReplacer("\r", "", "\x1b[2K", "", "\x1b[K", "", "\x1b[0m", "").Replace(text)
		}
		if i := strings.IndexFunc(text, obeyed); i >= 0 {
			t.Errorf("mode %v, stderr: %q", mode, text[i:])
		}
		if strings.ContainsFunc(out.String(), obeyed) {
			t.Errorf("mode %v, stdout: %q", mode, out.String())
		}
		if mode != cli.JSON {
			continue
		}
		for line := range strings.Lines(out.String()) {
			var fields map[string]any
			if err := json.Unmarshal([]byte(line), &fields); err != nil {
				t.Errorf("%s: %v", line, err)
			} else if name, ok := fields["name"].(string); ok && name != strings.ToValidUTF8(evil, "\ufffd") && !strings.Contains(name, `\u202e`) {
				t.Errorf("the name became %q", name)
			}
		}
	}
	var out bytes.Buffer
	cli.NewOutput(&out, &bytes.Buffer{}, cli.Plain).Result(evil)
	if out.String() != evil+"\n" {
		t.Errorf("data became %q", out.String())
	}
}
