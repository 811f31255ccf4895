package dashboard_test

import (
	"strings"
	"testing"

	"starmesh/cmd/internal/dashboard"
	"starmesh/cmd/internal/dashboard/webtest"
	"starmesh/cmd/internal/lab/labdir"
)

// TestWhatIsLiveCanBePaused: it moves, so the button says Pause; and then the
// moment is the one that was seen, not the beginning.
func TestWhatIsLiveCanBePaused(t *testing.T) {
	p := webtest.Open(t, 1280, 900)
	hub := told(story("star", 4)[:200]) // 3.9 s of it
	addr, _ := serve(t, dashboard.Config{Hub: hub, Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".clock")?.textContent === "3.9 of 3.9 s"`)
	p.Wait(`document.querySelector(".play").textContent.includes("Pause") && document.querySelector(".back").hidden`)
	p.Click(".play")
	p.Wait(`document.querySelector(".play").textContent.includes("Play") && !document.querySelector(".back").hidden`)
	if got := p.Text(`document.querySelector(".clock").textContent`); got != "3.9 of 3.9 s" {
		t.Errorf("paused at %s", got)
	}
	p.Click(".back")
	p.Wait(`document.querySelector(".play").textContent.includes("Pause")`)
	p.Press("\u0302") // left arrow: a step back from there
	p.Wait(`document.querySelector(".clock").textContent === "3.8 of 3.9 s"`)
}

// TestBeforeTheFirstRunThereIsNothingToChoose: no empty lists, no slider.
func TestBeforeTheFirstRunThereIsNothingToChoose(t *testing.T) {
	hub := dashboard.NewHub()
	p := webtest.Open(t, 1280, 900)
	addr, _ := serve(t, dashboard.Config{Hub: hub, Live: true})
	p.Go("http://" + addr + "/")
	p.Wait(`document.querySelector(".top .badge").textContent === "live"`)
	const shown = `[...document.querySelectorAll("select, button, input")].filter((e) => e.offsetParent).length`
	if got := p.Text(shown); got != "0" {
		t.Errorf("%s things to press", got)
	}
	for _, e := range story("star", 2) {
		hub.Event(e)
	}
	p.Wait(shown + " > 3")
}

// TestTheBytesOfANodeThatIsGoneCountOnce: its log may be older than its last
// answer; only less from one that runs is of a new start.
func TestTheBytesOfANodeThatIsGoneCountOnce(t *testing.T) {
	const run, chunk = "mesh-2-1", 65536
	from := func(bytes int64) []labdir.Flow { return []labdir.Flow{{Node: "origin", Bytes: bytes}} }
	events := append(story("mesh", 2)[:1],
		labdir.Event{Run: run, Seconds: 1, Reading: &labdir.Reading{Node: "peer-1", State: labdir.Running, HaveBytes: 8 * chunk, InBytes: 8 * chunk, OutBytes: 4 * chunk, From: from(8 * chunk)}},
		labdir.Event{Run: run, Seconds: 2, Reading: &labdir.Reading{Node: "peer-1", State: labdir.Gone, HaveBytes: 6 * chunk, InBytes: 6 * chunk, OutBytes: 3 * chunk, From: from(6 * chunk)}})
	again := &labdir.Reading{Node: "peer-1", State: labdir.Running, HaveBytes: 9 * chunk, InBytes: chunk, From: from(chunk)}
	p := webtest.Open(t, 1280, 900)
	hub := told(events)
	addr, _ := serve(t, dashboard.Config{Hub: hub, Live: true})
	p.Go("http://" + addr + "/")
	p.Click(".row:nth-child(2) .who")
	figures := `[...document.querySelectorAll(".numbers dd")].map((d) => d.dataset.figure + ": " + d.textContent).join("; ")`
	p.Wait(figures + `.includes("state: gone")`)
	if got := p.Text(figures); !strings.Contains(got, "holds: 512 KiB") || !strings.Contains(got, "payload sent: 256 KiB; payload received: 512 KiB; received from: origin 512 KiB") {
		t.Error(got)
	}
	hub.Event(labdir.Event{Run: run, Seconds: 3, Reading: again})
	p.Wait(figures + `.includes("payload received: 576 KiB; received from: origin 576 KiB")`)
}

// TestWhatWasSaidOfOneRunIsNotSaidOfTheNext: nor is it said twice that something
// was done.
func TestWhatWasSaidOfOneRunIsNotSaidOfTheNext(t *testing.T) {
	hub := told(story("star", 4)[:200])
	addr, _ := serve(t, dashboard.Config{Hub: hub, Control: manager{make(chan string, 9)}, Live: true})
	p := webtest.Open(t, 1280, 900)
	p.Go("http://" + addr + "/")
	p.Click("[data-quick=stop]")
	const said = `[...document.querySelectorAll(".status")].map((e) => e.textContent).join("|")`
	p.Wait(said + ` === "server has been stopped.|"`)
	p.Click(".row:nth-child(2) .who")
	p.Click(".details [data-action=kill]")
	p.Wait(said + ` === "|client-1 has been killed: its process is gone."`)
	for _, e := range story("mesh", 4)[:20] {
		hub.Event(e)
	}
	p.Wait(said + ` === "|"`)
}

// TestAServerAsideSeesItsReceivers: none stands in the way to the others.
func TestAServerAsideSeesItsReceivers(t *testing.T) {
	for _, receivers := range []int{1, 3, 4, 8} {
		p := webtest.Open(t, 1280, 900)
		addr, _ := serve(t, dashboard.Config{Hub: told(story("hybrid", receivers))})
		p.Go("http://" + addr + "/")
		p.Wait(`document.querySelectorAll(".node.receiver").length > 0`)
		level := `[...document.querySelectorAll(".node.receiver")].filter((n) => { const m = n.transform.baseVal[0].matrix; return m.e < 640 && Math.abs(m.f - 350) < 20 }).length`
		if got := p.Text(level); got != "0" {
			t.Errorf("of %d receivers %s stand between the server and the ring", receivers, got)
		}
	}
}
