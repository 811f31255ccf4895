package dashboard

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"starmesh/cmd/internal/fileerr"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/lab/system"
)

// maxEmbedded bounds in bytes what a replay adds to a page, as far as
// forgetting readings can do it.
const maxEmbedded = 3 << 20

// Replay returns what shows a lab folder's timelines inside another page: a
// style, an HTML body, and a script that may be run by its hash. They need no
// network. All are "" if the folder has no timeline. Systems are those that
// timelines may name; nil: system.All. Times are what that page says how long
// runs took, in seconds by name, so that two clocks do not tell two times; what
// is not in it is as the timeline has it.
func Replay(dir string, systems system.Table, times map[string]float64) (css, body, js string, err error) {
	var events []labdir.Event
	runs, err := Load(dir, func(e labdir.Event) {
		if took, ok := times[e.Run]; ok && e.End != nil && e.End.DistributionSeconds != nil {
			e.End.DistributionSeconds = &took
		}
		events = append(events, e)
	})
	if err != nil || runs == 0 {
		return "", "", "", err
	}
	data, thinned, err := embed(events, maxEmbedded)
	if err != nil {
		return "", "", "", fmt.Errorf("cannot put the replay into the page: %w", err)
	}
	return style, replayBody(data, thinned), script(orAll(systems)), nil
}

// replayBody is the place of the view in a page, with its data. Base64 has
// nothing in it that HTML would take for markup.
func replayBody(data string, thinned bool) string {
	return fmt.Sprintf(`<section class="replay" id="replay-view" aria-label="Replay of the lab"><p>The replay needs JavaScript.</p></section>
<script type="application/json" id="replay-data">{"thinned":%t,"gzip":"%s"}</script>
`, thinned, data)
}

// embed packs events into about limit bytes, and tells whether readings were
// left out for that. Packed text is a tenth or so of the plain: less is tried
// until it fits, or nothing more can be left out.
func embed(events []labdir.Event, limit int) (data string, thinned bool, err error) {
	for room := 16 * limit; ; room /= 2 {
		h := history{limit: room}
		for i := range events {
			if err := h.add(&events[i]); err != nil {
				return "", false, err
			}
		}
		data, err = pack(h.entries)
		if err != nil || len(data) <= limit || room < limit/16 {
			return data, h.thinned, err
		}
	}
}

// pack writes entries as lines, compressed, in base64.
func pack(entries []entry) (string, error) {
	var b bytes.Buffer
	text := base64.NewEncoder(base64.StdEncoding, &b)
	packed := gzip.NewWriter(text)
	for i := range entries {
		if _, err := packed.Write(append(entries[i].line, '\n')); err != nil {
			return "", err
		}
	}
	if err := packed.Close(); err != nil {
		return "", err
	}
	if err := text.Close(); err != nil {
		return "", err
	}
	return b.String(), nil
}

// Load calls take with all events of a lab folder, run by run in the order in
// which they ran, and tells how many runs there are. One without a timeline
// is left out.
func Load(dir string, take func(labdir.Event)) (runs int, err error) {
	folders, err := os.ReadDir(filepath.Join(dir, labdir.RunsDir))
	if os.IsNotExist(err) {
		_, err = os.Stat(dir) // is there a folder at all?
		return 0, fileerr.Named(dir, err)
	}
	if err != nil {
		return 0, fmt.Errorf("cannot look for runs: %w", err)
	}
	var all []timeline
	for _, f := range folders {
		t, err := loadTimeline(labdir.RunDir(dir, f.Name()))
		if err != nil {
			return 0, err
		}
		if len(t.events) > 0 {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b timeline) int { return a.began.Compare(b.began) })
	for _, t := range all {
		for _, e := range t.events {
			take(e)
		}
	}
	return len(all), nil
}

// timeline is what was seen of a run.
type timeline struct {
	began  time.Time
	events []labdir.Event
}

// loadTimeline reads a run's timeline; without one there are no events.
func loadTimeline(dir string) (timeline, error) {
	name := filepath.Join(dir, labdir.TimelineFile)
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return timeline{}, nil
	}
	if err != nil {
		return timeline{}, fmt.Errorf("cannot read a timeline: %w", err)
	}
	defer f.Close()
	events, err := labdir.ReadEvents(f)
	if err != nil {
		return timeline{}, fmt.Errorf("%s: %w", name, err)
	}
	return timeline{beginning(dir, f), events}, nil
}

// beginning is when a run began: as it says itself, or else when its
// timeline was written last.
func beginning(dir string, f *os.File) time.Time {
	if run, err := labdir.OpenRun(dir); err == nil && !run.Began.IsZero() {
		return run.Began // one that cannot be read is for the report to tell of
	}
	info, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
