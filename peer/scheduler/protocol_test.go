package scheduler

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestTheDocumentHasTheRulesNumbers holds section 6, Serve, of PROTOCOL.md
// against the constants.
func TestTheDocumentHasTheRulesNumbers(t *testing.T) {
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, value := range map[string]any{
		"share that passes on": fmt.Sprintf("1/%d", stalledShare), "rounds of first copies": stalledRounds, "first copies of others": maxOthersFirsts,
		"chunks behind": minBehindChunks, "share of catching up": catchUpShare, "stalled copies": maxStalls, "time of a full downlink": downlinkFullTime, "chunks examined": maxChunksExamined,
		"declined share": maxDeclinedShare, "initial offers": initialOffers, "offers ahead": maxOffersAhead,
		"least length":         fmt.Sprintf("1/%v", 1/leastLength),
		"chunks on their way":  fmt.Sprintf("%d to %d", minWindowChunks, MaxWindow),
		"chunks queued, least": minQueuedChunks, "chunks queued, most": maxQueuedChunks,
		"share queued": queuedShare, "growth of a window": settledGrowth, "chunks of a far way": farChunks,
		"slow chunk": slowChunkTime, "very slow chunk": verySlowChunkTime,
		"receipt time-out": receiptTimeoutChunks, "first receipt time-out": initialReceiptTimeout,
		"slow uplink": slowUplinkRatio, "late answer": lateAnswerTrips, "least late answer": minLateAnswer,
		"answer time-out": answerTimeoutTrips, "least answer time-out": minAnswerTimeout, "transit time-out": transitTimeout, "longest left alone": maxLeftAlone,
		"time promised ahead": promisedTime, "promised rounds": promisedRounds, "least promises": minPromises, "unproven promises": MaxUnproven,
		"patience": patienceFactor, "least patience": minPatience, "longest patience": maxPatience, "least silence": minSilence, "time of doubt": doubtTime,
		"longest receipt time-out": maxReceiptTimeout, "late receipt": lateReceiptTrips, "late way": lateReceiptWays, "least late receipt": minLateReceipt,
		"shortest wait": MinWait, "broken promises": maxStrikes, "first ban": firstBan, "longest ban": maxBan,
	} {
		if d, ok := value.(time.Duration); ok {
			value = inWords(d)
		}
		if want := fmt.Sprintf("\n| %s | %v |\n", row, value); !strings.Contains(string(text), want) {
			t.Errorf("the document does not say %q", strings.TrimSpace(want))
		}
	}
}

func inWords(d time.Duration) string {
	switch {
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	default:
		return fmt.Sprintf("%d ms", d/time.Millisecond)
	}
}
