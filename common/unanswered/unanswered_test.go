package unanswered_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"starmesh/common/unanswered"
)

func TestWhoDoesNotAnswerIsToldOfOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		teller := unanswered.NewTeller(func(text string) { told = append(told, text) })
		dial := func(takes time.Duration, tried ...string) {
			answered := teller.Dial(func() []string { return tried })
			time.Sleep(takes)
			synctest.Wait()
			answered()
		}
		dial(time.Second, "192.0.2.1:1") // quick enough
		dial(2*time.Second, "192.0.2.2:1", "[2001:db8::1]:1")
		dial(2*time.Second, "192.0.2.2:1", "[2001:db8::1]:1") // once more
		dial(2 * time.Second)                                 // there is somebody, by now
		for range 20 {
			dial(2*time.Second, time.Now().String())
		}
		if len(told) != 8 || told[0] != "no answer yet from 192.0.2.2:1, [2001:db8::1]:1; still trying" {
			t.Errorf("it was told: %q", told)
		}
		if slices.Contains(told[1:], told[0]) {
			t.Error("the same was told again")
		}
	})
	(*unanswered.Teller)(nil).Dial(func() []string { return []string{"x"} })()
}
