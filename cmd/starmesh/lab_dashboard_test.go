//go:build unix

package main

import (
	"bufio"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"starmesh/cmd/internal/dashboard/webtest"
)

// runLab starts the real program's lab with a dashboard, and gives the
// dashboard's address and what waits for the end. The lab is over when the
// test is.
func runLab(t *testing.T, args ...string) (address string, wait func() error) {
	t.Helper()
	program, err := exec.LookPath("starmesh") // testscript put it there: this very program
	if err != nil {
		t.Skipf("no program to run: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), program, append([]string{"lab", "run", "--dashboard", "127.0.0.1:0"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	told, drained := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(drained)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			if i := strings.Index(lines.Text(), "http://"); i >= 0 && len(told) == 0 {
				told <- strings.Fields(lines.Text()[i:])[0]
			}
		}
		close(told)
	}()
	address, ok := <-told
	if !ok {
		t.Fatalf("the lab has no dashboard: %v", cmd.Wait())
	}
	return address, func() error { <-drained; return cmd.Wait() }
}

// TestTheDashboardShowsALabAndReallyKills: numbers change while it runs, a
// node's sockets are shown, and the button ends the process itself.
func TestTheDashboardShowsALabAndReallyKills(t *testing.T) {
	t.Parallel()
	p := webtest.Open(t, 1280, 900)
	dir := filepath.Join(t.TempDir(), "lab")
	address, wait := runLab(t, "-n", "2", "-s", "4MiB", "--up", "6mbit", "--systems", "star", "--anyway", "--out", dir)
	p.Go(address)
	const copies = `parseFloat(document.querySelector("[data-figure=copies]").textContent)`
	p.Wait(copies + " > 0.1")
	before := p.Text(copies)
	p.Wait(copies + " > " + before)
	if said := p.Text(`document.querySelector(".top .says").textContent`); !strings.HasSuffix(said, " chunks.") {
		t.Errorf("of one system alone it says %q", said)
	}
	p.Click(`.row:nth-child(2) .who`)
	p.Wait(`document.querySelector(".sockets tbody")?.innerText.includes("ESTABLISHED")`)
	port := p.Text(`document.querySelector(".sockets tbody td:nth-child(5)").textContent.split(" ")[0]`)
	pid := holder(t, port)
	p.Click(`.details [data-action=kill]`)
	p.Wait(`document.querySelector(".node[data-node=client-1]").dataset.state === "gone"`)
	p.Wait(`document.querySelector(".details .status").textContent.includes("has been killed")`)
	if alive(pid) {
		t.Errorf("the process %d still runs", pid)
	}
	p.Wait(`document.querySelector(".log").innerText.includes("client-1")`)
	p.Wait(`document.querySelector(".top .badge").textContent.includes("has ended")`)
	_ = wait() // a receiver was killed: what the lab says to that is tested elsewhere
	page := webtest.OpenOffline(t, 1280, 900)
	page.Go((&url.URL{Scheme: "file", Path: filepath.Join(dir, "report.html")}).String())
	page.Wait(copies + " > 1") // all has been read, and the end is shown
	set := `(() => { const s = document.querySelector("#replay-view input[type=range]"); s.value = %d; s.dispatchEvent(new Event("input")); return s.value })()`
	page.Text(fmt.Sprintf(set, 1))
	page.Wait(copies + " < 0.5")
	early := page.Text(copies)
	page.Text(fmt.Sprintf(set, 6))
	page.Wait(copies + " > " + early)
}

const escapeKey = "\u001b"

// TestTheButtonsStopAServerStartItAgainAndKillAPeer: what is pressed happens to
// the processes, and the others carry on as they would with any server that
// comes back, and any peer that does not.
func TestTheButtonsStopAServerStartItAgainAndKillAPeer(t *testing.T) {
	t.Parallel()
	p := webtest.Open(t, 1280, 900)
	dir := filepath.Join(t.TempDir(), "lab")
	address, wait := runLab(t, "-n", "2", "-s", "2MiB", "--up", "6mbit", "--systems", "star,mesh", "--anyway", "--out", dir)
	p.Go(address)
	p.Wait(`parseFloat(document.querySelector("[data-figure=copies]")?.textContent) > 0.1`)
	server := listener(t, p, 1)
	p.Click(`[data-quick=stop]`)
	p.Wait(`document.querySelector(".panels + .status").textContent.includes("server has been stopped")`)
	if alive(server) {
		t.Errorf("the server, process %d, still runs", server)
	}
	p.Wait(`document.querySelector(".node[data-node=server] .more").textContent === "stopped"`)
	p.Shot("real-stopped")
	p.Wait(`!document.querySelector("[data-quick=start]").disabled`)
	p.Click(`[data-quick=start]`)
	p.Wait(`document.querySelector(".panels + .status").textContent.includes("server runs again")`)
	p.Wait(`document.querySelector(".node[data-node=server] .again").textContent === "↻"`)
	if again := listener(t, p, 1); again == server && again != 0 {
		t.Errorf("it is still process %d", again)
	}
	p.Press(escapeKey) // else the page asks for its sockets when it is gone

	mesh := `.panel[data-system=mesh]`
	p.Wait(`document.querySelector("` + mesh + ` .node[data-node=peer-2]")?.getAttribute("aria-label").includes("held, receives more")`)
	peer := listener(t, p, 2)
	p.Click(`.details [data-action=kill]`)
	p.Wait(`document.querySelector(".details .status").textContent.includes("peer-1 has been killed")`)
	if alive(peer) {
		t.Errorf("the peer, process %d, still runs", peer)
	}
	p.Wait(`document.querySelector("` + mesh + ` .node[data-node=peer-1] .more").textContent === "killed"`)
	p.Shot("real-killed")
	p.Press(escapeKey)
	p.Wait(`document.querySelector(".log").innerText.includes("1 of 2 hold the file")`)
	// Until now the star was shown at the mesh's moment.
	p.Wait(`document.querySelector(".log").innerText.includes("2 of 2 hold the file")`)
	if err := wait(); err != nil {
		t.Errorf("nothing went wrong but what was done by hand, and the lab says: %v", err)
	}
}

// listener chooses a node in the panel of the run under way and gives the
// process that holds its listening socket; 0 where the tool for it is missing.
func listener(t *testing.T, p *webtest.Page, panel int) int {
	t.Helper()
	const row = `.sockets tbody tr[data-role=listening]`
	p.Click(fmt.Sprintf(`.panels > section:nth-child(%d) .row:nth-child(%d) .who`, panel, panel))
	p.Wait(`document.querySelector("` + row + `") !== null`)
	return holder(t, p.Text(`document.querySelector("`+row+` td:nth-child(5)").textContent.split(" ")[0]`))
}

// alive reports whether there is such a process; 0 is none.
func alive(pid int) bool { return pid != 0 && syscall.Kill(pid, 0) == nil }

// holder finds the process with the TCP socket of that local port; 0 where the
// tool for it is missing.
func holder(t *testing.T, port string) int {
	t.Helper()
	out, err := exec.Command("ss", "-Htanp", "sport = :"+port).Output()
	if err != nil {
		return 0
	}
	pid := 0
	if _, rest, ok := strings.Cut(string(out), "pid="); ok {
		_, _ = fmt.Sscanf(rest, "%d", &pid)
	}
	return pid
}
