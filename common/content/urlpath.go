package content

import (
	"net/url"
	"strings"

	"starmesh/common/fault"
)

// PathInURL reads a name as it stands behind the host of an address, or behind a
// ticket: percent-decoded once (RFC 3986, section 2.1) and then checked as
// CheckPath does. "" and a last slash, a folder's, are let pass. It fails with
// fault.Invalid: a bare ? or # would end a URL's path, and what is meant by one
// is not guessed.
func PathInURL(raw string) (string, error) {
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		return "", fault.Wrapf(fault.Invalid, "a %c in a name is written %%%X in an address", raw[i], raw[i])
	}
	name, err := url.PathUnescape(raw)
	if err != nil {
		return "", fault.Wrapf(fault.Invalid, "%w (a %% in a name is written %%25 in an address)", err)
	}
	if name == "" {
		return "", nil
	}
	return name, CheckPath(strings.TrimSuffix(name, "/"))
}
