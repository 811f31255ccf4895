package central

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxRanges is how many parts of a file one request may ask for; with more it
// gets the whole, as RFC 9110 (section 14.2) allows.
const maxRanges = 16

// setRange makes of the Range of a request for size bytes one that net/http
// answers as RFC 9110 has it (section 14): other units than bytes are ignored,
// and the last 0 bytes of anything are nowhere.
func setRange(r *http.Request, size int64) {
	spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	parts := strings.Split(spec, ",")
	if !ok || len(parts) > maxRanges {
		r.Header.Del("Range")
		return
	}
	parts = slices.DeleteFunc(parts, func(part string) bool {
		last, isSuffix := strings.CutPrefix(strings.TrimSpace(part), "-")
		return isSuffix && last != "" && strings.Trim(last, "0") == ""
	})
	if len(parts) == 0 {
		parts = []string{fmt.Sprintf("%d-", size)} // behind the end
	}
	r.Header.Set("Range", "bytes="+strings.Join(parts, ","))
}
