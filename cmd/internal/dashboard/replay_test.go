package dashboard_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/lab/labdir"
)

// unpack returns the events in the data of a replay.
func unpack(t *testing.T, data string) []labdir.Event {
	t.Helper()
	packed, err := gzip.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(data)))
	if err != nil {
		t.Fatal(err)
	}
	events, err := labdir.ReadEvents(packed)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestAReplayHoldsAllThatWasSeenInTheOrderOfTheRuns(t *testing.T) {
	dir := saved(t, story("star", 2), story("mesh", 2))
	css, body, js, err := dashboard.Replay(dir, nil, nil)
	if err != nil || css == "" || js == "" {
		t.Fatalf("%d bytes of style, %d of script, %v", len(css), len(js), err)
	}
	data := regexp.MustCompile(`"gzip":"([A-Za-z0-9+/=]*)"`).FindStringSubmatch(body)
	if data == nil || !strings.Contains(body, `{"thinned":false,`) {
		t.Fatalf("no data in %.500s", body)
	}
	got := unpack(t, data[1])
	want := append(story("star", 2), story("mesh", 2)...)
	gotText, _ := json.Marshal(got)
	wantText, _ := json.Marshal(want)
	if !bytes.Equal(gotText, wantText) {
		t.Errorf("%d events, want %d: %.300s", len(got), len(want), gotText)
	}
}

// TestAReplayHasTheTimesOfItsPage: of two clocks one would say 1.85 s, and the
// other 1.86.
func TestAReplayHasTheTimesOfItsPage(t *testing.T) {
	_, body, _, err := dashboard.Replay(saved(t, story("star", 2), story("mesh", 2)), nil, map[string]float64{"mesh-2-1": 6.3})
	data := regexp.MustCompile(`"gzip":"([A-Za-z0-9+/=]*)"`).FindStringSubmatch(body)
	if err != nil || data == nil {
		t.Fatalf("%v: %.500s", err, body)
	}
	times := make(map[string]float64)
	for _, e := range unpack(t, data[1]) {
		if e.End != nil {
			times[e.Run] = *e.End.DistributionSeconds
		}
	}
	if times["mesh-2-1"] != 6.3 || times["star-2-1"] != 6.4 {
		t.Errorf("%v", times)
	}
}

func TestRunsAreInTheOrderOfTheirOwnClocks(t *testing.T) {
	dir := saved(t, story("star", 1), story("mesh", 1)) // by their files: the star first
	for name, began := range map[string]string{"star-1-1": "2026-02-02T10:00:00Z", "mesh-1-1": "2026-02-02T09:00:00Z"} {
		run := filepath.Join(labdir.RunDir(dir, name), labdir.RunFile)
		if err := os.WriteFile(run, []byte(`{"format":"`+labdir.RunFormat+`","began":"`+began+`"}`), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var order []string
	runs, err := dashboard.Load(dir, func(e labdir.Event) {
		if e.Begin != nil {
			order = append(order, e.Run)
		}
	})
	if err != nil || runs != 2 || strings.Join(order, " ") != "mesh-1-1 star-1-1" {
		t.Errorf("%d runs, %v, %v", runs, order, err)
	}
}

func TestAFolderWithoutTimelinesHasNoReplay(t *testing.T) {
	css, body, js, err := dashboard.Replay(t.TempDir(), nil, nil)
	if css+body+js != "" || err != nil {
		t.Errorf("%.100q %v", css+body+js, err)
	}
	if _, err := dashboard.Load(filepath.Join(t.TempDir(), "missing"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

func TestABrokenTimelineIsNamed(t *testing.T) {
	dir := saved(t, story("star", 1))
	name := filepath.Join(labdir.RunDir(dir, "star-1-1"), labdir.TimelineFile)
	if err := os.WriteFile(name, []byte("{}\nnonsense\n{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := dashboard.Replay(dir, nil, nil); err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("got %v", err)
	}
}

func TestALongReplayIsThinnedUntilItFits(t *testing.T) {
	noise := rand.NewChaCha8([32]byte{1}) // cannot be packed well
	var events []labdir.Event
	for _, e := range story("mesh", 8) {
		if e.Reading != nil {
			bits := make([]byte, 200)
			_, _ = noise.Read(bits)
			e.Reading.ChunkMap = base64.StdEncoding.EncodeToString(bits)
		}
		events = append(events, e)
	}
	for _, limit := range []int{1 << 20, 64 << 10, 32 << 10} {
		data, thinned, err := dashboard.Embed(events, limit)
		if err != nil || len(data) > limit {
			t.Errorf("limit %d: %d bytes, %v", limit, len(data), err)
		}
		got := unpack(t, data)
		if thinned != (len(got) < len(events)) || thinned != (limit < 1<<20) {
			t.Errorf("limit %d: %d of %d events, and it says %t", limit, len(got), len(events), thinned)
		}
	}
}

// TestTheViewWritesTextNotMarkup: names come from the network; none becomes
// part of the page but as text. Nor does the view ask any other machine.
func TestTheViewWritesTextNotMarkup(t *testing.T) {
	forbidden := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc|import\(|https?://`)
	lines := bufio.NewScanner(strings.NewReader(dashboard.Script() + dashboard.Style()))
	for number := 1; lines.Scan(); number++ {
		line := strings.ReplaceAll(lines.Text(), "http://www.w3.org/2000/svg", "")
		if found := forbidden.FindString(line); found != "" {
			t.Errorf("line %d has %s: %s", number, found, line)
		}
	}
	if lower := strings.ToLower(dashboard.Script() + dashboard.Style()); strings.Contains(lower, "</script") || strings.Contains(lower, "</style") || strings.Contains(lower, "<!--") {
		t.Error("the view cannot be put into a page as it is")
	}
}
