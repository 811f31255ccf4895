package peer

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestWhoOnlyTalksIsListenedToAtTimes: a remote that brings and takes nothing has
// many of its words read at once, and not each as it comes.
func TestWhoOnlyTalksIsListenedToAtTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := startPiped(t, "listener", nil)
		r := meets(t, n, "talker")
		talk := func(words int) time.Duration {
			begin := time.Now()
			for range words {
				r.say(got{Topic: 99})
			}
			return time.Since(begin)
		}
		if took := talk(wordsAtOnce - 10); took > 0 { // HELLO was one
			t.Errorf("few words waited %v", took)
		}
		if took := talk(10 + wordsRate); took < 500*time.Millisecond || took > 2*time.Second {
			t.Errorf("too many words took %v, not about 1 s", took)
		}
		n.stop()
		_ = r.conn.Close()
	})
}

// TestChunksMakeRoomForWords: a transfer is not held up, however fast it is.
func TestChunksMakeRoomForWords(t *testing.T) {
	var w words
	now := time.Now()
	for range 1000 {
		w.carried.Add(1)
		for range wordsPerChunk {
			if w.tooMany(now) {
				t.Fatal("words about chunks are too many")
			}
		}
	}
	for range wordsAtOnce {
		if w.tooMany(now) {
			return // those of the last chunk count, too
		}
	}
	t.Error("words about nothing are never too many")
}
