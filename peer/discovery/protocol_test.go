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
	if want := "\n| peers told of in one message | " + strconv.Itoa(maxTold) + " |"; !strings.Contains(string(text), want) {
		t.Errorf("the document does not say %q", want)
	}
}
