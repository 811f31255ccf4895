package load_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"starmesh/common/load"
)

// line makes a line of a log, so many seconds after the start, in which
// everything has grown with time.
func line(t testing.TB, kind load.Kind, at float64, change ...func(*load.Report)) string {
	t.Helper()
	r := load.Report{Head: load.Head{
		Kind: kind, ElapsedSeconds: at, PID: 1, Host: "h", Info: load.Info{Node: "n"},
		Time: time.Unix(1e9, 0).Add(time.Duration(at * 1e9)).UTC().Format(time.RFC3339Nano),
	}}
	r.PayloadInBytes = int64(at * 1000)
	r.WireInBytes = ptr(int64(at * 1100))
	r.CPUSeconds = ptr(at / 10)
	for _, c := range change {
		c(&r)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text) + "\n"
}

func TestASoundLogReadsWithoutAWord(t *testing.T) {
	text := line(t, load.Start, 0) + line(t, load.Sample, 1) + line(t, load.Sample, 2) + line(t, load.Final, 2.5)
	log, problems, err := load.ReadLog(iotest.OneByteReader(strings.NewReader(text)))
	if err != nil || len(problems) > 0 {
		t.Fatalf("%v, %v", problems, err)
	}
	if log.Start == nil || len(log.Samples) != 2 || log.Final == nil || log.Last().PayloadInBytes != 2500 {
		t.Errorf("got %+v", log)
	}
}

func TestWhatIsWrongWithALogIsToldWithItsLine(t *testing.T) {
	start, one, two, final := line(t, load.Start, 0), line(t, load.Sample, 1), line(t, load.Sample, 2), line(t, load.Final, 3)
	other := func(r *load.Report) { r.PID = 2 }
	for _, c := range []struct {
		name, text  string
		line        int
		says        string
		samples     int
		last        int64 // payload of the last report
		moreExpects int   // problems besides
	}{
		{"cut off", start + one + two[:len(two)/2], 3, "cut off", 1, 1000, 1},
		{"no start", one + final, 0, "start is missing", 1, 3000, 0},
		{"no final", start + one, 0, "final report is missing", 1, 1000, 0},
		{"empty", "", 0, "no report", 0, -1, 0},
		{"only blank lines", "\n\n", 0, "no report", 0, -1, 0},
		{"rubbish in the middle", start + one + "rubbish\n" + two + final, 3, "not a report", 2, 3000, 0},
		{"a strange kind", start + strings.Replace(one, "sample", "simple", 1) + final, 2, `kind "simple"`, 0, 3000, 0},
		{"time backwards", start + two + one + final, 3, "time goes backwards", 1, 3000, 0},
		{"a total shrinks", start + line(t, load.Sample, 1, func(r *load.Report) { r.PayloadInBytes = 2500 }) + two + final, 3,
			"payload_in_bytes goes down from 2500 to 2000", 1, 3000, 0},
		{"the kernel's total shrinks", start + one + line(t, load.Sample, 2, func(r *load.Report) { r.WireInBytes = ptr[int64](1) }) + final, 3,
			"wire_in_bytes goes down", 1, 3000, 0},
		{"CPU time shrinks", start + one + line(t, load.Sample, 2, func(r *load.Report) { r.CPUSeconds = ptr(0.01) }) + final, 3,
			"cpu_seconds goes down", 1, 3000, 0},
		{"less than nothing", start + line(t, load.Sample, 1, func(r *load.Report) { r.ChunksBad = -1 }) + final, 2, "less than nothing", 0, 3000, 0},
		{"the clock is set", start + one + line(t, load.Sample, 2, func(r *load.Report) { r.Time = "2001-09-09T02:46:42Z" }) +
			line(t, load.Final, 3, func(r *load.Report) { r.Time = "2001-09-09T02:46:43Z" }), 3, "wall clock was set by +3600", 2, 3000, 0},
		{"no time", start + line(t, load.Sample, 1, func(r *load.Report) { r.Time = "yesterday" }) + final, 2, "RFC 3339", 0, 3000, 0},
		{"two starts", start + one + final + line(t, load.Start, 0, other) + line(t, load.Final, 9, other), 4, "(2 lines)", 1, 3000, 0},
		{"two nodes mixed", start + line(t, load.Start, 0, other) + one + final, 2, "(3 lines)", 0, 0, 1},
		{"another process", start + line(t, load.Sample, 1, other) + final, 2, "another run or node", 0, 0, 1},
		{"lines after the final", start + final + two, 3, "(1 lines)", 0, 3000, 0},
		{"a very long line", start + strings.Repeat(" ", 5<<20) + "\n" + final, 2, "longer than", 0, 3000, 0},
		{"an impossible transfer", start + line(t, load.Sample, 1, func(r *load.Report) {
			r.Transfers = []load.TransferReport{{Name: "f", SizeBytes: 1, HaveBytes: 2}}
		}) + final, 2, `transfer of "f" holds 2 of 1`, 0, 3000, 0},
		{"a transfer done at no time", start + line(t, load.Sample, 1, func(r *load.Report) {
			r.Transfers = []load.TransferReport{{Name: "f", State: load.Done}}
		}) + final, 2, "nobody knows when", 0, 3000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			log, problems, err := load.ReadLog(strings.NewReader(c.text))
			if err != nil {
				t.Fatal(err)
			}
			if len(problems) != 1+c.moreExpects || problems[0].Line != c.line || !strings.Contains(problems[0].Text, c.says) {
				t.Errorf("problems: %v; want one of line %d that says %q and %d more", problems, c.line, c.says, c.moreExpects)
			}
			if len(log.Samples) != c.samples {
				t.Errorf("%d samples, want %d", len(log.Samples), c.samples)
			}
			last := int64(-1)
			if log.Last() != nil {
				last = log.Last().PayloadInBytes
			}
			if last != c.last {
				t.Errorf("the last report has %d, want %d", last, c.last)
			}
		})
	}
}

func TestWhatWasReadBeforeAnErrorIsGiven(t *testing.T) {
	broken := errors.New("the disk is broken")
	r := io.MultiReader(strings.NewReader(line(t, load.Start, 0)), iotest.ErrReader(broken))
	log, _, err := load.ReadLog(r)
	if !errors.Is(err, broken) || log.Start == nil {
		t.Errorf("got %+v, %v", log, err)
	}
}

func TestAThousandBrokenLinesAreNotAThousandComplaints(t *testing.T) {
	_, problems, err := load.ReadLog(strings.NewReader(strings.Repeat("x\n", 1000)))
	if err != nil || len(problems) > 102 {
		t.Fatalf("%d problems, %v", len(problems), err)
	}
	if last := problems[len(problems)-1]; !strings.Contains(last.Text, "901 more") {
		t.Errorf("the last is %v", last)
	}
}

// TestALogCutAnywhereIsToldOf: nothing that was cut passes for whole.
func TestALogCutAnywhereIsToldOf(t *testing.T) {
	text := []byte(line(t, load.Start, 0) + line(t, load.Sample, 1) + line(t, load.Final, 2))
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		damaged := bytes.Clone(text)
		damaged = damaged[:random.IntN(len(damaged))]
		_, problems, err := load.ReadLog(bytes.NewReader(damaged))
		if err != nil || len(problems) == 0 && len(damaged) < len(text)-1 {
			t.Fatalf("cut to %d bytes: %v, %v", len(damaged), problems, err)
		}
	}
}

func FuzzReadLog(f *testing.F) {
	f.Add([]byte(line(f, load.Start, 0) + line(f, load.Sample, 1) + line(f, load.Final, 2)))
	f.Add([]byte("{}\n{\"kind\":\"start\",\"time\":\"2026-11-21T09:00:00Z\"}\n"))
	f.Add([]byte("\xff\n[]\nnull\n\"\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		log, problems, err := load.ReadLog(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if log.Last() == nil && len(problems) == 0 {
			t.Error("nothing was read, and nothing said about it")
		}
		for _, p := range problems {
			if p.Line < 0 || p.Text == "" || strings.Contains(p.String(), "%!") {
				t.Errorf("a problem says %q", p)
			}
		}
	})
}
