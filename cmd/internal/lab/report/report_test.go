package report_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/metrics"
	"starmesh/cmd/internal/lab/report"
)

// makeReport makes a report and gives it with the text of its page.
func makeReport(t *testing.T, o report.Options) (*report.Result, string) {
	t.Helper()
	o.Made, o.Program = began, "v1"
	if o.Out == "" {
		o.Out = t.TempDir()
	}
	made, err := report.Make(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(made.Page)
	if err != nil {
		t.Fatal(err)
	}
	return made, strings.ReplaceAll(string(text), "\u00a0", " ")
}

// draw draws the pictures of a report.
func draw(t *testing.T, made *report.Result) {
	t.Helper()
	if err := made.Pictures(); err != nil {
		t.Fatal(err)
	}
}

// says tells the test of texts that are not in the page.
func says(t *testing.T, page string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestALabFolderBecomesAReport(t *testing.T) {
	dir := lab(t, []int{1, 2, 4}, 3)
	made, text := makeReport(t, report.Options{Dirs: []string{dir}, Out: dir})
	draw(t, made)
	if want := "To bring 977 KiB to 4 receivers, the mesh took 1.06 s (median of 3 runs, 1.05 s to 1.07 s)" +
		" and the star 4.04 s (median of 3 runs, 4.00 s to 4.08 s): the mesh was 3.8 times as fast."; made.Headline != want {
		t.Errorf("the headline is\n%s, want\n%s", made.Headline, want)
	}
	says(t, text, "4.00 copies of the file, all of the load", "1.10 copies", "star ÷ mesh: 3.81",
		"How long it takes", "Who sent how much", "Lorenz curves", "When each receiver was done", "Throughput of each node over time",
		"CPU and memory of each node", "All figures", "The other tasks", "Every run", "What the figures mean", "What was not measured",
		"42 of 42", "compared with the original byte for byte", "mesh-4-2",
		"Test CPU", "8.0 GiB of memory", "4711", "starmesh lab run --out &#39;a b&#39;", fileID, "go1.26",
		"origin 8 Mbit/s up, 40 Mbit/s down; receivers 8 Mbit/s up, 40 Mbit/s down; kind: rate (the same for all systems)",
		"the program&#39;s own rate limits over the loopback interface", "All nodes shared one machine", "Nothing was found that speaks against")
	for _, name := range []string{metrics.DocumentName, "results.csv", "results.md", labdir.ReportFile,
		"plots/time.svg", "plots/time.png", "plots/load-star-4.svg", "plots/load-mesh-1.png", "plots/lorenz-4.svg", "plots/progress-mesh-4.svg",
		"plots/throughput-star-4.png", "plots/memory-mesh-4.svg", "plots/done-2.svg"} {
		if info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name))); err != nil || info.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	document, err := metrics.OpenDocument(dir)
	if err != nil || len(document.Runs) != 18 {
		t.Errorf("the results: %v", err)
	}
	table, err := os.Open(filepath.Join(dir, "results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	if rows, err := csv.NewReader(table).ReadAll(); err != nil || len(rows) < 50 {
		t.Errorf("the table has %d rows: %v", len(rows), err)
	}
}

// TestThePageNeedsNothingElse: no address, no file, no script, and a policy
// that forbids all of them.
func TestThePageNeedsNothingElse(t *testing.T) {
	_, text := makeReport(t, report.Options{Dirs: []string{lab(t, []int{1, 2}, 1)}})
	says(t, text, `content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`, `name="viewport"`, `lang="en"`)
	for _, never := range []string{"http://", "https://", " src=", "url(", "@import", "<script", "<link", "<iframe", "<img"} {
		if strings.Contains(text, never) {
			t.Errorf("%s is in the page", never)
		}
	}
	for _, target := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if id, here := strings.CutPrefix(target[1], "#"); !here || !strings.Contains(text, `id="`+id+`"`) {
			t.Errorf("a link leads to %q, which is not in the page", target[1])
		}
	}
	ids := make(map[string]bool)
	for _, id := range regexp.MustCompile(` id="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if ids[id[1]] {
			t.Errorf("two elements have the id %s", id[1])
		}
		ids[id[1]] = true
	}
	if svgs := strings.Count(text, "<svg"); svgs == 0 || strings.Count(text, "<desc") != svgs || strings.Count(text, `role="img" aria-labelledby=`) != svgs {
		t.Errorf("of %d plots not all can be read aloud", svgs)
	}
}

// TestTheSameFolderGivesTheSameBytes: but for the time of making, which is
// given.
func TestTheSameFolderGivesTheSameBytes(t *testing.T) {
	dir := lab(t, []int{2}, 2)
	first, _ := makeReport(t, report.Options{Dirs: []string{dir}})
	second, _ := makeReport(t, report.Options{Dirs: []string{dir}})
	draw(t, first)
	draw(t, second)
	if len(first.Files) != len(second.Files) {
		t.Errorf("%d files, then %d", len(first.Files), len(second.Files))
	}
	one, two := filepath.Dir(first.Page), filepath.Dir(second.Page)
	for _, name := range second.Files {
		rel, err := filepath.Rel(two, name)
		if err != nil {
			t.Fatal(err)
		}
		a, errA := os.ReadFile(filepath.Join(one, rel))
		b, errB := os.ReadFile(name)
		if errA != nil || errB != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs (%v, %v)", rel, errA, errB)
		}
	}
}

func TestLoadLogsAloneAreEnough(t *testing.T) {
	dir := t.TempDir()
	made{system: "star", receivers: 2, repetition: 1}.write(t, dir)
	made{system: "mesh", receivers: 2, repetition: 1}.write(t, dir)
	result, text := makeReport(t, report.Options{Dirs: []string{dir}})
	says(t, text, "the mesh took 1.05 s and the star 2.00 s: the mesh was 90 % faster", "Only load logs are here, of no lab run",
		"How the links were made is not told", "Every system was run once", "Only one number of receivers was tried",
		"4 of 4", "by their load logs", "machine (linux amd64, 2 processors)")
	if strings.Contains(text, "byte for byte</span>") {
		t.Error("nobody has compared the files")
	}
	if len(result.Notes) != 1 {
		t.Errorf("%q", result.Notes)
	}
}

// TestTwoFoldersAreNeverMixed: the same system before and after is two series.
func TestTwoFoldersAreNeverMixed(t *testing.T) {
	before, after := t.TempDir(), t.TempDir()
	for _, n := range []int{2, 4} {
		made{system: "star", receivers: n, repetition: 1}.write(t, before)
		made{system: "mesh", receivers: n, repetition: 1, slower: 2}.write(t, before)
		made{system: "mesh", receivers: n, repetition: 1}.write(t, after)
	}
	result, text := makeReport(t, report.Options{Dirs: []string{before, after}, Labels: []string{"before", "<after>"}})
	says(t, text, "star (before)", "mesh (before)", "mesh (&lt;after&gt;)", "Before and after", "&lt;after&gt; ÷ before",
		"Time to bring 977 KiB to 4 receivers: mesh 2.10 s (before) → 1.05 s (&lt;after&gt;), × 0.50", "<span>2.10 s</span>", "<span>1.05 s</span>", "<span>0.50</span>")
	if strings.Contains(text, "<after>") {
		t.Error("a label is taken for HTML")
	}
	var series []string
	for _, cs := range result.Cases {
		for i := range cs.Series {
			if n := len(cs.Series[i].Runs); n != 1 {
				t.Errorf("%s has %d runs", cs.Series[i].Label(), n)
			}
			series = append(series, cs.Series[i].Label())
		}
	}
	if want := []string{"star (before)", "mesh (before)", "mesh (<after>)"}; !slices.Equal(series[:3], want) {
		t.Errorf("%q, want %q", series, want)
	}
	document, err := metrics.OpenDocument(filepath.Dir(result.Page))
	if err != nil {
		t.Fatal(err)
	}
	sets := make(map[string]int)
	for _, run := range document.Runs {
		sets[run.Set]++
	}
	if sets["before"] != 4 || sets["<after>"] != 2 {
		t.Errorf("the results tell of sets %v", sets)
	}
}

func TestReportsOfUnusualRuns(t *testing.T) {
	tests := []struct {
		name string
		runs []made
		want []string
	}{
		{"only a star", []made{{system: "star", receivers: 3, repetition: 1}},
			[]string{"The star took 3.00 s to bring 977 KiB to 3 receivers, 1.00 times the bound; its origin sent 3.00 copies of the file."}},
		{"only a mesh to one receiver", []made{{system: "mesh", receivers: 1, repetition: 1}},
			[]string{"The mesh took 1.05 s to bring 977 KiB to 1 receiver"}},
		{"a star that left some out", []made{{system: "star", receivers: 4, repetition: 1, undone: 2}, {system: "mesh", receivers: 4, repetition: 1}},
			[]string{"the mesh took 1.05 s; the star did not bring it to everyone", "6 of 8", "✗",
				"2 of 4 receivers did not get the whole file: client-1, client-2"}},
		{"nobody was served", []made{{system: "star", receivers: 2, repetition: 1, undone: 2}, {system: "mesh", receivers: 2, repetition: 1, undone: 2}},
			[]string{"neither the star nor the mesh brought it to everyone", "0 of 4", "star (none done)"}},
		{"one of two runs failed", []made{{system: "mesh", receivers: 2, repetition: 1}, {system: "mesh", receivers: 2, repetition: 2, undone: 1}},
			[]string{"1.05 s in 1 of 2"}},
		{"slower than the star", []made{{system: "star", receivers: 1, repetition: 1}, {system: "mesh", receivers: 1, repetition: 1, slower: 1.2}},
			[]string{"the mesh was 26 % slower"}},
		{"as fast as the star", []made{{system: "star", receivers: 1, repetition: 1}, {system: "mesh", receivers: 1, repetition: 1}},
			[]string{"about the same (within 5 %)"}},
		{"many receivers", []made{{system: "star", receivers: 64, repetition: 1}, {system: "mesh", receivers: 64, repetition: 1}},
			[]string{"the mesh was 61.0 times as fast", "peer-64"}},
		{"HTTP beside them", []made{{system: "star", receivers: 2, repetition: 1}, {system: "mesh", receivers: 2, repetition: 1},
			{system: "http", receivers: 2, repetition: 1, slower: 1.1}},
			[]string{"HTTP over one kept connection took 2.20 s.", "HTTP against a socket"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for _, m := range test.runs {
				m.write(t, dir)
			}
			_, text := makeReport(t, report.Options{Dirs: []string{dir}})
			says(t, text, test.want...)
		})
	}
}

// TestNamesAreOnlyNames: whatever nodes and folders are called, in the page, in
// Markdown and in the plots.
func TestNamesAreOnlyNames(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "<b>&lab [1]*")
	evil := func(i int) string { return `<script>alert(` + string(rune('0'+i)) + `)</script>"&` }
	made{system: "star", receivers: 2, repetition: 1, name: evil}.write(t, dir)
	made{system: "mesh", receivers: 2, repetition: 1, name: evil}.write(t, dir)
	result, text := makeReport(t, report.Options{Dirs: []string{dir}, Out: dir, Command: []string{"starmesh", "<u>"}})
	says(t, text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	for _, name := range result.Files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".json") || strings.HasSuffix(name, ".csv") || strings.HasSuffix(name, ".png") {
			continue
		}
		for _, never := range []string{"<script", "<u>", "<b>&"} {
			if bytes.Contains(content, []byte(never)) {
				t.Errorf("%s holds %s", filepath.Base(name), never)
			}
		}
		if strings.HasSuffix(name, ".svg") {
			wellFormed(t, name, content)
		}
	}
}

func wellFormed(t *testing.T, name string, text []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(text))
	var err error
	for err == nil {
		_, err = d.Token()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("%s is not well-formed: %v", name, err)
	}
}

func TestWhatIsMissingOrBrokenIsTold(t *testing.T) {
	dir := lab(t, []int{2}, 2)
	path := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	for _, remove := range []string{path("runs", "mesh-2-2"), path("runs", "star-2-1", "run.json")} {
		if err := os.RemoveAll(remove); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path("runs", "star-2-2", "run.json"), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	failed := (made{system: "mesh", receivers: 2, repetition: 9, undone: 2}).record()
	failed.Error, failed.CPU = "peer-1 did not start <at all>", labdir.CPU{Limit: true, Why: "both cores were busy"}
	writeJSON(t, path("runs", "mesh-2-9", "run.json"), failed)
	_, text := makeReport(t, report.Options{Dirs: []string{dir}})
	says(t, text, "star-2-1 has no run.json: it was broken off", "run.json of star-2-2: it is broken",
		"runs that were asked for and are not there (star-2-1, star-2-2, mesh-2-2)", "a run failed: peer-1 did not start &lt;at all&gt; (mesh-2-9)",
		"its load logs are missing", "both cores were busy (mesh-2-9)", "CPU was the limit")
}

func TestFaultsAreToldWithTheirOutcome(t *testing.T) {
	dir := lab(t, []int{2}, 1)
	m := made{system: "mesh", receivers: 2, repetition: 1}
	record, at := m.record(), 0.5
	record.Faults = []labdir.Fault{
		{Fault: "stop-origin@50%", Expected: "all <finish>", Found: "all finished", Met: true, Seconds: &at, Nodes: []string{"origin"}},
		{Fault: "liar:1", Expected: "nobody is fooled", Found: "somebody was", Met: false},
	}
	writeJSON(t, filepath.Join(labdir.RunDir(dir, record.Name), labdir.RunFile), record)
	_, text := makeReport(t, report.Options{Dirs: []string{dir}})
	says(t, text, "Faults that ended as foretold", "1 of 2", "all &lt;finish&gt;", "✓ yes", "✗ no", "500 ms",
		"the fault liar:1 did not end as foretold: somebody was", "in 1 run something went wrong on purpose (stop-origin@50%, liar:1), and 1 of 2 times the outcome was the one foretold")
}

// TestTheAcceptQueueIsDrawn: where somebody waited in it, and nowhere else.
func TestTheAcceptQueueIsDrawn(t *testing.T) {
	for queue, plots := range map[int]int{0: 0, 3: 1} {
		dir := t.TempDir()
		made{system: "star", receivers: 4, repetition: 1, queue: queue}.write(t, dir)
		made{system: "mesh", receivers: 4, repetition: 1}.write(t, dir)
		_, text := makeReport(t, report.Options{Dirs: []string{dir}})
		if got := strings.Count(text, "Accept queue of the origin</figcaption>"); got != plots {
			t.Errorf("up to %d waited, and there are %d plots of it", queue, got)
		}
		if queue > 0 {
			says(t, text, "Who waits to be let in", "star: up to 3. mesh: up to 0.")
		}
	}
}

func TestTheReplayMayRunItsOwnScriptAlone(t *testing.T) {
	dir := lab(t, []int{1}, 1)
	replay := &report.Replay{Style: ".replay{}", Body: `<p id="replay-here">again</p>`, Script: "document.title += '!'"}
	give := func(string, map[string]float64) (*report.Replay, error) { return replay, nil }
	_, text := makeReport(t, report.Options{Dirs: []string{dir}, Replay: give})
	says(t, text, replay.Body, "<script>"+replay.Script+"</script>", "; script-src 'sha256-")
	replay.Script = "'</SCRIPT><script>'"
	if _, err := report.Make(context.Background(), report.Options{Dirs: []string{dir}, Out: t.TempDir(), Replay: give}); err == nil {
		t.Error("a script that ends its own element was let in")
	}
	fails := func(string, map[string]float64) (*report.Replay, error) {
		return nil, errors.New("the timeline is broken")
	}
	_, text = makeReport(t, report.Options{Dirs: []string{dir}, Replay: fails})
	says(t, text, "the runs cannot be replayed: the timeline is broken")
}

func TestAFolderOfNothingIsAnError(t *testing.T) {
	empty := t.TempDir()
	for _, dirs := range [][]string{nil, {empty}, {filepath.Join(empty, "nowhere")}} {
		result, err := report.Make(context.Background(), report.Options{Dirs: dirs, Out: filepath.Join(empty, "out"), Made: time.Now()})
		if err == nil || result != nil {
			t.Errorf("%q gave a report", dirs)
		}
	}
	if _, err := os.Stat(filepath.Join(empty, "out")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a report of nothing was written")
	}
}

// TestAnEarlierReportLeavesNoPlots: they may have been of runs that are gone.
func TestAnEarlierReportLeavesNoPlots(t *testing.T) {
	dir := lab(t, []int{1, 2}, 1)
	earlier, _ := makeReport(t, report.Options{Dirs: []string{dir}, Out: dir})
	draw(t, earlier)
	for _, name := range []string{"star-2-1", "mesh-2-1"} {
		if err := os.RemoveAll(labdir.RunDir(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	result, _ := makeReport(t, report.Options{Dirs: []string{dir}, Out: dir})
	for _, ending := range []string{".svg", ".png"} {
		if _, err := os.Stat(filepath.Join(dir, "plots", "load-star-2"+ending)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a plot (%s) of a run that is gone is still there", ending)
		}
	}
	if i := slices.IndexFunc(result.Cases, func(s *metrics.Case) bool { return s.Receivers == 2 }); i >= 0 {
		t.Error("a run that is gone is still in the report")
	}
	if _, ok := result.Cases[0].Series[0].Runs[0].Value(metrics.Distribution); !ok {
		t.Error("the run that is there has no time")
	}
}

// TestARunThatWasBrokenOffIsNotOneThatFailed: the lab was stopped, or still
// runs.
func TestARunThatWasBrokenOffIsNotOneThatFailed(t *testing.T) {
	for _, c := range []struct {
		noNotes bool
		error   string
		want    string
	}{
		{false, "1 of 2 receivers did not get the file", "the star took 2.00 s; the mesh did not bring it to everyone."},
		{false, labdir.ByUser, "the star took 2.00 s; the mesh was broken off before it had brought it to everyone."},
		{true, "", "the star took 2.00 s; the mesh was broken off before it had brought it to everyone."},
	} {
		dir := lab(t, []int{2}, 1)
		m := made{system: "mesh", receivers: 2, repetition: 1, undone: 1}
		m.write(t, dir)
		notes := filepath.Join(labdir.RunDir(dir, labdir.RunName(m.system, 2, 1)), labdir.RunFile)
		record := m.record()
		record.Error = c.error
		writeJSON(t, notes, record)
		if c.noNotes {
			if err := os.Remove(notes); err != nil {
				t.Fatal(err)
			}
		}
		made, _ := makeReport(t, report.Options{Dirs: []string{dir}})
		if !strings.HasSuffix(made.Headline, c.want) {
			t.Errorf("%+v: the headline is\n%s, want …\n%s", c, made.Headline, c.want)
		}
	}
}
