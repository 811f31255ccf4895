package discovery

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTheDocumentHasTheFindersLimits(t *testing.T) {
	text, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for row, want := range map[string]int{
		"peers told of in one message":                              maxTold,
		"dials in vain in 10 minutes to a host that others told of": maxVain, "such hosts": maxVainHosts,
	} {
		if !strings.Contains(string(text), "\n| "+row+" | "+strconv.Itoa(want)+" |") {
			t.Errorf("%q is %d in the code, not in the document", row, want)
		}
	}
}
