// Package webtest opens pages in a real Chromium, for tests: it clicks and
// types as a user does, waits for what the page comes to show, and fails the
// test for whatever the browser complains of.
package webtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browsers are what Chromium is called.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"}

// patience is how long a page may take to come to show something.
const patience = 60 * time.Second

// A Page is a tab of a browser of its own.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	problems []string // what the browser complained of
	requests []string // addresses that were asked for
}

// Open starts a browser for the time of the test, without a window, and skips
// the test where there is none. The window is that large in CSS pixels.
func Open(t testing.TB, width, height int) *Page {
	t.Helper()
	return open(t, width, height)
}

// OpenOffline is Open for a browser that reaches no network, nor this machine
// over it: only files.
func OpenOffline(t testing.TB, width, height int) *Page {
	t.Helper()
	return open(t, width, height, chromedp.ProxyServer("127.0.0.1:1"), chromedp.Flag("proxy-bypass-list", "<-loopback>"))
}

func open(t testing.TB, width, height int, more ...chromedp.ExecAllocatorOption) *Page {
	t.Helper()
	name := find(t)
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(name), chromedp.WindowSize(width, height), chromedp.UserDataDir(t.TempDir()))
	options = append(options, more...)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // it refuses to run as root with one
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	ctx, _ = chromedp.NewContext(ctx)
	p := &Page{t: t, ctx: ctx}
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // closes the browser; a test has ended, however it went
		stop()
		cancel()
		p.complain()
	})
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatalf("%s does not start: %v", name, err)
	}
	p.do(chromedp.EmulateViewport(int64(width), int64(height)))
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatalf("the browser does not tell of its requests: %v", err)
	}
	return p
}

func find(t testing.TB) string {
	t.Helper()
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed")
	return ""
}

// hear notes what the browser tells. It is called while the browser waits.
func (p *Page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			text += " " + e.ExceptionDetails.Exception.Description
		}
		p.problems = append(p.problems, "exception: "+text)
	case *runtime.EventConsoleAPICalled:
		for _, arg := range e.Args {
			p.problems = append(p.problems, fmt.Sprintf("console: %s %s", arg.Value, arg.Description))
		}
	case *log.EventEntryAdded:
		p.problems = append(p.problems, fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL))
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// complain fails the test for what the browser complained of.
func (p *Page) complain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, problem := range p.problems {
		p.t.Errorf("the browser says: %s", problem)
	}
}

// Expected takes complaints that hold the text off the list: the test wants
// them.
func (p *Page) Expected(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var rest []string
	for _, problem := range p.problems {
		if !strings.Contains(problem, text) {
			rest = append(rest, problem)
		}
	}
	p.problems = rest
}

// Requests lists the addresses the page has asked for.
func (p *Page) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

func (p *Page) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("the browser: %v", err)
	}
}

// Go opens an address.
func (p *Page) Go(address string) {
	p.t.Helper()
	p.do(chromedp.Navigate(address))
}

// Prefer sets what the user prefers, as in a media query: prefers-color-scheme
// and dark.
func (p *Page) Prefer(name, value string) {
	p.t.Helper()
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}}
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, media); err != nil {
		p.t.Fatalf("cannot prefer %s: %v", name, err)
	}
}

// Click clicks the first element that the CSS selector finds.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Wait(fmt.Sprintf("document.querySelector(%q) !== null", selector))
	// Not only into the window: something may be fixed above its edge.
	p.Text(fmt.Sprintf("document.querySelector(%q).scrollIntoView({block: 'center', behavior: 'instant'})", selector))
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// Press presses keys, one after the other, where the focus is.
func (p *Page) Press(keys string) {
	p.t.Helper()
	p.do(chromedp.KeyEvent(keys))
}

// Text evaluates a JavaScript expression and gives its value as a text.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string]("String("+expression+")"))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// Wait waits until a JavaScript expression is true.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-again.C {
		if p.Text("Boolean("+expression+")") == "true" {
			return
		}
	}
	p.t.Fatalf("the page has not come to this in %v: %s\nit shows: %.3000s", patience, expression, p.Text("document.body.innerText"))
}

// Shot saves a picture of the window, for people, if STARMESH_SHOTS names a
// folder.
func (p *Page) Shot(name string) {
	p.t.Helper()
	dir := os.Getenv("STARMESH_SHOTS")
	if dir == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(dir+"/"+name+".png", picture, 0o644)
	}
	if err != nil {
		p.t.Errorf("picture %s: %v", name, err)
	}
}
