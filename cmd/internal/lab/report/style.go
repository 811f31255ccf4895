package report

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"starmesh/cmd/internal/charts"
	"starmesh/cmd/internal/lab/system"
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
func variables(systems system.Table) string {
	var light, dark strings.Builder
	for _, c := range charts.Palette(systems) {
		fmt.Fprintf(&light, "--%s: %s; ", c.Name, c.Light)
		fmt.Fprintf(&dark, "--%s: %s; ", c.Name, c.Dark)
	}
	if _, relay := systems.Pair(); relay != nil {
		fmt.Fprintf(&light, "--brand: var(--%s); ", relay.Name)
	}
	return fmt.Sprintf(":root { %s}\n@media screen and (prefers-color-scheme: dark) { :root { %s} }\n", light.String(), dark.String())
}

// dots is the style of the dot beside a system's name: in its colour, and of
// the shape of its mark in the plots.
func dots(systems system.Table) string {
	shapes := map[system.Mark]string{
		system.Square:   "border-radius: 1px;",
		system.Triangle: "clip-path: polygon(50% 0, 100% 100%, 0 100%); border-radius: 0;",
		system.Diamond:  "transform: rotate(45deg) scale(.85); border-radius: 0;",
		system.Cross:    "clip-path: polygon(20% 0, 50% 30%, 80% 0, 100% 20%, 70% 50%, 100% 80%, 80% 100%, 50% 70%, 20% 100%, 0 80%, 30% 50%, 0 20%); border-radius: 0;",
	}
	var b strings.Builder
	for _, s := range systems {
		fmt.Fprintf(&b, ".dot.%s { background: var(--%[1]s); %s }\n", s.Name, shapes[s.Look.Mark])
	}
	return b.String()
}
