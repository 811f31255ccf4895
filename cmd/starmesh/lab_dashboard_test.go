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

	"starmesh/cmd/internal/web/webtest"
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
	p := webtest.Open(t, 1280, 900)
	dir := filepath.Join(t.TempDir(), "lab")
	address, wait := runLab(t, "-n", "2", "-s", "8MiB", "--up", "8mbit", "--systems", "star", "--anyway", "--out", dir)
	p.Go(address)
	const copies = `parseFloat(document.querySelector("[data-figure=copies]").textContent)`
	p.Wait(copies + " > 0.1")
	before := p.Text(copies)
	p.Wait(copies + " > " + before)
	p.Click(`.row:nth-child(2) .who`)
	p.Wait(`document.querySelector(".sockets tbody")?.innerText.includes("ESTABLISHED")`)
	port := p.Text(`document.querySelector(".sockets tbody td:nth-child(5)").textContent.split(" ")[0]`)
	pid := holder(t, port)
	p.Click(`.details [data-action=kill]`)
	p.Wait(`document.querySelector(".node[data-node=client-1]").dataset.state === "gone"`)
	p.Wait(`document.querySelector(".details .status").textContent.includes("has been killed")`)
	if pid != 0 {
		if err := syscall.Kill(pid, 0); err == nil {
			t.Errorf("the process %d still runs", pid)
		}
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

// holder finds the process with the TCP socket of that local port; 0 where the
// tool for it is missing.
func holder(t *testing.T, port string) int {
	t.Helper()
	out, err := exec.Command("ss", "-Htnp", "sport = :"+port).Output()
	if err != nil {
		return 0
	}
	pid := 0
	if _, rest, ok := strings.Cut(string(out), "pid="); ok {
		_, _ = fmt.Sscanf(rest, "%d", &pid)
	}
	return pid
}
