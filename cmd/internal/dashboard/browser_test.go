package dashboard_test

import (
	"encoding/base64"
	"fmt"
	"html"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/dashboard/webtest"
	"starmesh/cmd/internal/lab/labdir"
)

// figure is the JavaScript for a number of a panel: 1 is the left one.
func figure(panel int, name string) string {
	return fmt.Sprintf(`document.querySelector(".panels > section:nth-child(%d) [data-figure=%s]").textContent`, panel, name)
}

// slide moves the slider as a hand does.
func slide(p *webtest.Page, to float64) {
	p.Text(fmt.Sprintf(`(() => { const s = document.querySelector(".transport input"); s.value = %g; s.dispatchEvent(new Event("input")); return s.value })()`, to))
}

func told(events ...[]labdir.Event) *dashboard.Hub {
	hub := dashboard.NewHub()
	for _, list := range events {
		for _, e := range list {
			hub.Event(e)
		}
	}
	return hub
}

func TestReplayInABrowser(t *testing.T) {
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(story("star", 4), story("mesh", 4))})
	p.Go("http://" + addr + "/")
	p.Wait(figure(1, "done") + ` === "4 of 4"`)
	if got := p.Text(figure(1, "copies")); got != "4.00 ×" {
		t.Errorf("the star's server sent %q", got)
	}
	if got := p.Text(figure(2, "copies")); got != "1.00 ×" {
		t.Errorf("the mesh's origin sent %q", got)
	}
	if got := p.Text(figure(2, "uploaders")); got != "4.00" {
		t.Errorf("%q upload in the mesh", got)
	}
	slide(p, 3.2)
	p.Wait(figure(1, "done") + ` === "0 of 4" && ` + figure(1, "copies") + ` === "2.00 ×"`)
	p.Wait(`document.querySelectorAll(".log li:not([hidden])").length === 2`)
	if got := p.Text(`document.querySelector(".panels .time").innerText`); !strings.Contains(got, "3.2 s") || !strings.Contains(got, "bound is 6.00 s") {
		t.Errorf("the time: %q", got)
	}
	p.Press(" ") // the slider has no focus: the space bar plays
	p.Wait(`document.querySelector(".play").textContent.includes("Pause")`)
	p.Wait(figure(1, "done") + ` === "4 of 4" && document.querySelector(".play").textContent.includes("Play")`)
	p.Press("\u0302") // left arrow
	p.Wait(figure(1, "done") + ` === "0 of 4"`)
	p.Shot("replay")
}

func TestANodeIsChosenWithTheKeyboard(t *testing.T) {
	p := webtest.Open(t, 1280, 900)
	m := manager{make(chan string, 10)}
	hub := dashboard.NewHub()
	events := story("star", 4)
	for _, e := range events[:200] { // it still runs
		hub.Event(e)
	}
	addr, _ := serve(t, dashboard.Config{Hub: hub, Control: m, Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".node.receiver") !== null`)
	p.Text(`document.querySelector(".node[tabindex='0']").focus()`)
	p.Press("\u0303\u0303") // right arrow twice: the second client
	p.Press("\r")
	p.Wait(`document.activeElement.textContent === "client-2 in the star with 4 receivers"`)
	p.Wait(`document.querySelectorAll(".sockets tbody tr").length === 2`)
	if got := p.Text(`document.querySelector(".sockets tbody").innerText`); !strings.Contains(got, "listening") || !strings.Contains(got, "7070 (registered)") || !strings.Contains(got, "50001") {
		t.Errorf("the socket table: %q", got)
	}
	p.Shot("node")
	p.Click(".details [data-action=kill]")
	p.Wait(`document.querySelector(".details .status").textContent.includes("has been killed")`)
	if told := <-m.told; told != "kill client-2 of star-4-1" {
		t.Errorf("the manager was told: %s", told)
	}
	gone := &labdir.Reading{Node: "client-2", State: labdir.Gone}
	hub.Event(labdir.Event{Run: "star-4-1", Seconds: 4.2, Reading: gone})
	p.Wait(`document.querySelector(".node[data-node=client-2]").dataset.state === "gone"`)
	p.Wait(`!document.querySelector(".details [data-action=start]").disabled && document.querySelector(".details [data-action=kill]").disabled`)
	p.Press("\u001b") // escape
	p.Wait(`document.querySelector(".details").hidden && document.activeElement.dataset.node === "client-2"`)
}

// TestWhatWasDoneToANodeIsToldInWords: killed, stopped, returned; in the
// picture, in the list and aloud, at each moment.
func TestWhatWasDoneToANodeIsToldInWords(t *testing.T) {
	events := story("star", 3)
	const run = "star-3-1"
	done := func(at float64, node, text string) labdir.Event {
		return labdir.Event{Run: run, Seconds: at, Note: &labdir.Note{Node: node, Fault: true, Text: text}}
	}
	whole := 6.4
	end := len(events) - 1
	events = append(events[:end:end],
		done(6.5, "client-1", "killed on purpose"),
		labdir.Event{Run: run, Seconds: 6.5, Reading: &labdir.Reading{Node: "client-1", State: labdir.Gone}},
		done(6.6, "server", "stopped by hand"),
		labdir.Event{Run: run, Seconds: 6.6, Reading: &labdir.Reading{Node: "server", State: labdir.Gone}},
		labdir.Event{Run: run, Seconds: 6.7, Reading: &labdir.Reading{Node: "client-2", State: labdir.Gone}},
		done(8, "client-1", "started again"),
		labdir.Event{Run: run, Seconds: 8.1, Reading: &labdir.Reading{Node: "client-1", State: labdir.Running, HaveBytes: 65536}},
		labdir.Event{Run: run, Seconds: 9, End: &labdir.End{DistributionSeconds: &whole, Verified: 2}})
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(events)})
	p.Go("http://" + addr + "/")
	node := func(name, what string) string {
		return fmt.Sprintf(`document.querySelector(".node[data-node=%s]")%s`, name, what)
	}
	row := func(i int, what string) string {
		return fmt.Sprintf(`document.querySelector(".row:nth-child(%d) %s").textContent`, i, what)
	}
	p.Wait(node("client-1", ` !== null`))
	p.Wait(node("client-1", `.querySelector(".again").textContent === "↻"`))
	p.Wait(node("client-1", `.getAttribute("aria-label").endsWith("was started again")`) + " && " + row(2, ".again") + ` === "↻"`)
	slide(p, 7)
	p.Wait(node("client-1", `.querySelector(".more").textContent === "killed"`) + " && " + row(2, ".held") + ` === "killed"`)
	p.Wait(node("server", `.querySelector(".more").textContent === "stopped"`) + " && " + row(1, ".held") + ` === "stopped"`)
	p.Wait(node("client-2", `.querySelector(".more").textContent === "gone"`)) // nobody did it
	for name, want := range map[string]string{"client-1": "client-1 killed", "server": "server stopped", "client-2": "client-2 gone"} {
		if got := p.Text(node(name, `.getAttribute("aria-label")`)); !strings.HasPrefix(got, want) {
			t.Errorf("%s is said to be %q", name, got)
		}
	}
	p.Shot("fates")
	slide(p, 3)
	p.Wait(node("client-1", `.querySelector(".again").textContent === ""`) + " && " + row(2, ".held") + ` !== "killed"`)
}

// TestATimeWithoutAllReceiversIsNotSetAgainstTheBoundOfAll: fewer take less.
func TestATimeWithoutAllReceiversIsNotSetAgainstTheBoundOfAll(t *testing.T) {
	var events []labdir.Event
	whole := 5.0 // the bound of all is 6
	for _, e := range story("star", 3) {
		if e.Reading != nil && e.Reading.Node == "client-3" && e.Seconds > 2 {
			e.Reading = &labdir.Reading{Node: "client-3", State: labdir.Gone}
		}
		if e.End != nil {
			e.End = &labdir.End{DistributionSeconds: &whole, Verified: 2}
		}
		events = append(events, e)
	}
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(events)})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".time .words")?.textContent === "in all, for 2 of 3; the bound is for all 3"`)
	p.Wait(`document.querySelector(".log").innerText.includes("These had it after 5.00 s")`)
}

func TestABrowserFindsItsPlaceAgain(t *testing.T) {
	p := webtest.Open(t, 800, 600)
	hub := told(story("star", 1)[:40])
	addr, end := serve(t, dashboard.Config{Hub: hub, Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".node.receiver") !== null`)
	end()
	p.Wait(`document.querySelector(".top .badge").textContent.includes("has ended")`)
	p.Wait(`document.querySelector(".transport") !== null && !document.querySelector(".transport").hidden`)
}

// TestNamesAreShownAsText: whatever a node, a file or a note is called.
func TestNamesAreShownAsText(t *testing.T) {
	const nasty = `<img src=x onerror="document.title='broken'">"'&</script><script>document.title='broken'</script>`
	events := story("mesh", 2)
	events[0].Begin.FileName = nasty
	events[0].Begin.Faults = []string{nasty}
	events[0].Begin.Nodes[1].Name = nasty
	events[0].Begin.Nodes[2].Trait = nasty
	for i := range events {
		if r := events[i].Reading; r != nil && r.Node == "peer-1" {
			r.Node = nasty
		}
	}
	events = append(events, labdir.Event{Run: "mesh-2-1", Seconds: 7, Note: &labdir.Note{Node: nasty, Fault: true, Text: nasty}})
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(events)})
	p.Go("http://" + addr + "/")
	p.Wait(figure(1, "done") + ` === "2 of 2"`)
	p.Click(".row:nth-child(2) .who")
	p.Wait(`document.querySelector(".details h2").textContent.includes("<img src=x")`)
	if got := p.Text("document.title"); got != "starmesh lab" {
		t.Errorf("the title is %q", got)
	}
	if got := p.Text(`document.querySelectorAll("img").length`); got != "0" {
		t.Errorf("%s images", got)
	}
}

// TestTheReplayInAPageNeedsNoNetwork: as in report.html, opened from disk.
func TestTheReplayInAPageNeedsNoNetwork(t *testing.T) {
	dir := saved(t, story("star", 4), story("mesh", 4))
	css, body, js, err := dashboard.Replay(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "a report & more.html")
	text := `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>` + html.EscapeString("a report") + `</title><style>` + css + `</style><h1>Report</h1>` + body + `<script>` + js + `</script>`
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	p := webtest.OpenOffline(t, 1280, 900)
	p.Go((&url.URL{Scheme: "file", Path: name}).String())
	p.Wait(figure(2, "done") + ` === "4 of 4"`)
	slide(p, 1.6)
	p.Wait(figure(1, "copies") + ` === "1.00 ×"`)
	p.Shot("embedded")
	for _, address := range p.Requests() {
		if !strings.HasPrefix(address, "file:") && !strings.HasPrefix(address, "data:") {
			t.Errorf("the page asks for %s", address)
		}
	}
}

// TestNothingIsWiderThanTheWindow: also on a telephone, with many nodes.
func TestNothingIsWiderThanTheWindow(t *testing.T) {
	for _, width := range []int{320, 390, 768, 1280, 1920} {
		p := webtest.Open(t, width, 844)
		p.Prefer("prefers-color-scheme", "dark")
		addr, _ := serve(t, dashboard.Config{Hub: told(story("star", 32), story("mesh", 32))})
		p.Go("http://" + addr + "/")
		p.Wait(figure(1, "done") + ` === "32 of 32"`)
		if got := p.Text("document.documentElement.scrollWidth - document.documentElement.clientWidth"); got != "0" {
			t.Errorf("%d pixels: the page is %s wider than that", width, got)
		}
		p.Shot(fmt.Sprintf("width-%d", width))
	}
}

// TestWhoDoesNotWantMotionSeesNone: the dots stay away, the numbers change.
func TestWhoDoesNotWantMotionSeesNone(t *testing.T) {
	p := webtest.Open(t, 1000, 800)
	p.Prefer("prefers-reduced-motion", "reduce")
	addr, _ := serve(t, dashboard.Config{Hub: told(story("star", 1))})
	p.Go("http://" + addr + "/")
	p.Wait(figure(1, "done") + ` === "1 of 1"`)
	slide(p, 3.2)
	p.Wait(figure(1, "copies") + ` === "0.50 ×"`)
	// With dots the line from the server would not have one colour all along.
	line := `(() => { const c = document.querySelector(".picture canvas"), g = c.getContext("2d"), seen = new Set();
		for (let y = c.height * 0.2; y < c.height * 0.4; y++) seen.add([...g.getImageData(c.width / 2, y, 1, 1).data].join());
		return seen.size })()`
	p.Wait(line + " === 1")
	p.Prefer("prefers-reduced-motion", "no-preference")
	slide(p, 3.3)
	p.Wait(line + " > 1")
	p.Expected("getImageData") // which is what the test itself did
}

func TestTheDashboardIsReadableWithoutABound(t *testing.T) {
	events := story("mesh", 3)
	events[0].Begin.BoundSeconds = 0
	p := webtest.Open(t, 1000, 800)
	addr, _ := serve(t, dashboard.Config{Hub: told(events)})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".panels .time").innerText.includes("no limit")`)
}

// TestAServerIsDrawnApart: also from those that pass on what it sends; a node that
// has the file at first is one of them.
func TestAServerIsDrawnApart(t *testing.T) {
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(story("mesh", 4), story("hybrid", 4))})
	p.Go("http://" + addr + "/")
	p.Wait(figure(1, "done") + ` === "4 of 4"`)
	for node, shape := range map[string]string{"origin": "circle", "server": "rect", "peer-1": "circle", "client-1": "circle"} {
		if got := p.Text(`document.querySelector(".node[data-node=` + node + `] .body").tagName`); got != shape {
			t.Errorf("%s is a %s", node, got)
		}
	}
	p.Shot("server apart")
}

// TestThePageSaysWhatAllWaitFor: in a star for the server, in a mesh for the
// chunks that nobody has; and nothing while what they lack is somewhere.
func TestThePageSaysWhatAllWaitFor(t *testing.T) {
	half := make([]byte, storyChunks/8)
	for i := range half[:storyChunks/16] {
		half[i] = 0xff
	}
	for system, want := range map[string]string{"star": "All wait for the server", "mesh": "50% of the chunks (32 of 64) exist nowhere now"} {
		events := story(system, 2)
		run, origin := events[0].Run, events[0].Begin.Nodes[0].Name
		events = events[:100]
		for _, n := range events[0].Begin.Nodes[1:] {
			events = append(events, labdir.Event{Run: run, Seconds: 5, Reading: &labdir.Reading{
				Node: n.Name, State: labdir.Running, HaveBytes: storyFile / 2, InBytes: storyFile / 2, ChunkMap: base64.StdEncoding.EncodeToString(half)}})
		}
		events = append(events, labdir.Event{Run: run, Seconds: 6, Reading: &labdir.Reading{Node: origin, State: labdir.Gone}})
		p := webtest.Open(t, 1000, 800)
		addr, _ := serve(t, dashboard.Config{Hub: told(events)})
		p.Go("http://" + addr + "/")
		p.Wait(fmt.Sprintf(`document.querySelector(".stuck")?.textContent.startsWith(%q)`, want))
		slide(p, 5.5)
		p.Wait(`document.querySelector(".stuck").textContent === ""`)
	}
}

// TestThePageShowsWhoHasJoined: who has left again is not listed, and when a run
// begins its nodes are there instead.
func TestThePageShowsWhoHasJoined(t *testing.T) {
	hub := dashboard.NewHub()
	come := func(name string, nodes int, left bool) {
		hub.Event(labdir.Event{Crew: &labdir.Crew{Name: name, Host: name + ".example", Address: "192.0.2.7:4000", Nodes: nodes, Wanted: 3, Left: left}})
	}
	come("rack1", 1, false)
	come("<b>rack2", 2, false)
	p := webtest.Open(t, 1000, 800)
	addr, _ := serve(t, dashboard.Config{Hub: hub, Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".waiting").innerText.startsWith("2 of 3 nodes have joined")`)
	if got := p.Text(`[...document.querySelectorAll(".crew li")].map((n) => n.textContent).join("; ")`); got != "rack1: rack1.example, 192.0.2.7:4000; <b>rack2: <b>rack2.example, 192.0.2.7:4000" {
		t.Errorf("%q", got)
	}
	p.Shot("joining")
	come("rack1", 1, true)
	p.Wait(`document.querySelectorAll(".crew li").length === 1`)
	for _, e := range story("star", 2) {
		hub.Event(e)
	}
	p.Wait(`document.querySelector(".node.receiver") !== null && !document.querySelector(".crew")?.offsetParent`)
}

// TestTheMachineOfANodeCanBeRead: whole, if its name is usual.
func TestTheMachineOfANodeCanBeRead(t *testing.T) {
	events := story("star", 3)
	for i := range events[0].Begin.Nodes {
		events[0].Begin.Nodes[i].Machine = fmt.Sprintf("rack%d", i+1)
	}
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(events)})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelectorAll(".row .label").length === 4`)
	if got := p.Text(`[...document.querySelectorAll(".row .label")].filter((n) => n.scrollWidth <= n.clientWidth).map((n) => n.textContent).join(", ")`); got != "server · rack1, client-1 · rack2, client-2 · rack3, client-3 · rack4" {
		t.Errorf("to be read are %q", got)
	}
	if got := p.Text(`[...document.querySelectorAll(".who")].filter((n) => !n.getAttribute("aria-label").startsWith(n.querySelector(".label").textContent)).length`); got != "0" {
		t.Errorf("%s buttons are not called as is written on them", got)
	}
	p.Shot("machines")
}

// TestWhatRanBeforeIsShownAtTheSameMoment: beside the system that runs now.
func TestWhatRanBeforeIsShownAtTheSameMoment(t *testing.T) {
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: told(story("star", 4), story("mesh", 4)[:100]), Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(figure(2, "polls") + ` !== undefined && ` + figure(1, "done") + ` === "0 of 4"`) // the star had ended with 4 of 4
}

// TestAButtonThatWouldDoNothingIsNotShown: whoever may not command nodes sees
// their sockets, and no buttons.
func TestAButtonThatWouldDoNothingIsNotShown(t *testing.T) {
	hub := told(story("star", 4)[:200])
	addr, _ := serve(t, dashboard.Config{Hub: hub, Control: manager{make(chan string, 1)}, Live: true})
	ours := webtest.Open(t, 1280, 900)
	ours.Go("http://" + addr + "/")
	ours.Wait(`document.querySelector("[data-quick=stop]") !== null`)
	through, err := url.Parse("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(through)
		r.Out.Host = r.In.Host
		r.Out.Header.Set("X-Forwarded-For", "192.0.2.1") // as from another machine
	}})
	t.Cleanup(proxy.Close)
	p := webtest.Open(t, 1280, 900)
	p.Go(proxy.URL + "/")
	p.Wait(`document.querySelector(".node.receiver") !== null`)
	p.Text(`document.querySelector(".node[data-node=client-1]").dispatchEvent(new MouseEvent("click", {bubbles: true}))`)
	p.Wait(`document.querySelectorAll(".sockets tbody tr").length === 2`)
	if got := p.Text(`document.querySelectorAll("[data-quick]").length + " " + document.querySelector(".details .buttons").hidden`); got != "0 true" {
		t.Errorf("quick buttons, and whether those of a node are hidden: %s", got)
	}
}
