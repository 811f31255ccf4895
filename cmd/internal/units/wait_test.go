package units_test

import (
	"testing"
	"time"

	"starmesh/cmd/internal/units"
)

func TestATimeToWaitMayBeForever(t *testing.T) {
	var w units.Wait
	for text, want := range map[string]units.Wait{"90s": units.Wait(90 * time.Second), "0s": 0, "forever": units.Forever} {
		if err := w.Set(text); err != nil || w != want {
			t.Errorf("Set(%q): %v, %v", text, w, err)
		}
		again := units.Wait(1)
		if err := again.Set(w.String()); err != nil || again != w {
			t.Errorf("%q is written %q, which is read as %v", text, &w, again)
		}
	}
	for _, text := range []string{"", "-1s", "ever", "10"} {
		if err := w.Set(text); err == nil {
			t.Errorf("Set(%q) is no error", text)
		}
	}
}
