package report_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"starmesh/cmd/internal/dashboard/webtest"
	"starmesh/cmd/internal/lab/report"
)

// openReport opens a page from disk in a browser without a network.
func openReport(t *testing.T, width int, name string) *webtest.Page {
	t.Helper()
	browser := webtest.OpenOffline(t, width, 800)
	browser.Go(fileURL(t, name))
	browser.Wait(`document.readyState === 'complete'`)
	return browser
}

func fileURL(t *testing.T, name string) string {
	t.Helper()
	name, err := filepath.Abs(name)
	if err != nil {
		t.Fatal(err)
	}
	name = filepath.ToSlash(name)
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/…
	}
	return (&url.URL{Scheme: "file", Path: name}).String()
}

// TestTheReportOpensFromDiskWithoutANetwork: in a real browser, which complains
// of nothing and asks for nothing but the page.
func TestTheReportOpensFromDiskWithoutANetwork(t *testing.T) {
	dir := lab(t, []int{1, 4}, 2)
	replay := &report.Replay{Style: "#replay-here { color: red }", Body: `<p id="replay-here"></p>`,
		Script: `document.getElementById("replay-here").textContent = "replayed"`}
	result, _ := makeReport(t, report.Options{Dirs: []string{dir}, Replay: func(string, map[string]float64) (*report.Replay, error) { return replay, nil }})
	for _, width := range []int{375, 1200} {
		browser := openReport(t, width, result.Page)
		if got := browser.Text(`document.querySelector(".headline").textContent.replaceAll("\u00a0", " ")`); got != result.Headline {
			t.Errorf("the headline is %q, want %q", got, result.Headline)
		}
		browser.Wait(`document.querySelectorAll("svg").length > 10`)
		browser.Wait(`[...document.querySelectorAll("#time svg")].every(s => s.getBoundingClientRect().width > 250 && s.getBoundingClientRect().height > 100)`)
		if got := browser.Text(`String(document.documentElement.scrollWidth <= innerWidth)`); got != "true" {
			t.Errorf("at %d pixels the page is wider than its window", width)
		}
		if got := browser.Text(`document.getElementById("replay-here").textContent`); got != "replayed" {
			t.Errorf("the replay's script did not run: %q", got)
		}
		if got := browser.Requests(); len(got) != 1 {
			t.Errorf("the page asked for %q", got)
		}
		browser.Shot("report-" + map[int]string{375: "phone", 1200: "screen"}[width])
	}
}

// TestTheReportIsDarkInTheDark: paper, words and the lines of plots.
func TestTheReportIsDarkInTheDark(t *testing.T) {
	result, _ := makeReport(t, report.Options{Dirs: []string{lab(t, []int{1, 2}, 1)}})
	browser := openReport(t, 600, result.Page)
	look := `getComputedStyle(document.body).backgroundColor + " " + getComputedStyle(document.querySelector("svg text")).fill`
	browser.Prefer("prefers-color-scheme", "light")
	browser.Wait(look + ` === "rgb(255, 255, 255) rgb(34, 34, 34)"`)
	browser.Prefer("prefers-color-scheme", "dark")
	browser.Wait(look + ` === "rgb(20, 23, 27) rgb(230, 230, 230)"`)
}

// TestTheHandoutIsAPartOfThePage: what fits on two sheets is shown, the rest is
// not, and a link leads back.
func TestTheHandoutIsAPartOfThePage(t *testing.T) {
	result, _ := makeReport(t, report.Options{Dirs: []string{lab(t, []int{1, 4}, 2)}})
	browser := openReport(t, 1200, result.Page)
	shown := func(selector string) string {
		return `document.querySelector("` + selector + `").offsetParent !== null`
	}
	browser.Wait(shown("#runs") + " && !(" + shown("p.handout") + ")")
	browser.Click(`nav a[href="#handout"]`)
	browser.Wait(shown("#time") + " && " + shown("#load") + " && " + shown("#trust") + " && " + shown("p.handout"))
	for _, not := range []string{"#runs", "#table", "#setting", "nav"} {
		browser.Wait("!(" + shown(not) + ")")
	}
	browser.Click(`p.handout a`)
	browser.Wait(shown("#runs") + " && " + shown("nav"))
}
