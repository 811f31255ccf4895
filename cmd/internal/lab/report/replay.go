package report

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"starmesh/cmd/internal/charts"
)

// A Replay is a block that shows a recorded run again: whoever makes it vouches
// for its HTML. Body may hold data in script elements of type application/json,
// which browsers do not run; Script is the one script that runs.
type Replay struct{ Style, Body, Script string }

// check refuses what would end its element early.
func (r *Replay) check() error {
	if strings.Contains(strings.ToLower(r.Script), "</script") || strings.Contains(strings.ToLower(r.Style), "</style") {
		return errors.New("the replay's script or style would end its own element")
	}
	return nil
}

// policy forbids the page everything but its own styles and, if there is one,
// that very script.
func policy(script string) string {
	p := "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
	if script != "" {
		sum := sha256.Sum256([]byte(script))
		p += "; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return p
}

// variables gives the colours of the charts to the style sheet, by day and in
// the dark. Paper is white.
func variables() string {
	var light, dark strings.Builder
	for _, c := range charts.Palette() {
		fmt.Fprintf(&light, "--%s: %s; ", c.Name, c.Light)
		fmt.Fprintf(&dark, "--%s: %s; ", c.Name, c.Dark)
	}
	return fmt.Sprintf(":root { %s}\n@media screen and (prefers-color-scheme: dark) { :root { %s} }\n", light.String(), dark.String())
}
