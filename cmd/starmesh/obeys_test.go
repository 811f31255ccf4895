package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// hostile would set a terminal's title, clear its screen, and turn the order of what
// follows round, if a terminal got it.
const hostile = "\x1b]0;owned\x07\x1b[2J\x9b31m\u009b31m\x7f\u202ecba\u2066x\u2069\u200e\u200f\u061c\xff\xfe"

// hidden is hostile but for what no file's name may have.
const hidden = "\u202ecba\u2066x\u2069\u200e\u200f\u061c"

// obeyed returns what of text a terminal, or a browser, would obey.
func obeyed(text string) (all []string) {
	for i, r := range text {
		switch {
		case r == '\n', r == '\t':
		case r == utf8.RuneError && !strings.HasPrefix(text[i:], "\ufffd"):
			all = append(all, fmt.Sprintf("%q", text[i:i+1]))
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
			all = append(all, fmt.Sprintf("%q", r))
		}
	}
	return all
}

// shown runs the program and returns what it prints, both ways; how it ends is not
// the matter here.
func shown(t *testing.T, dir string, env []string, args ...string) (out, err string) {
	t.Helper()
	cmd := exec.Command("starmesh", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_CACHE_HOME="+dir), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if e := cmd.Start(); e != nil {
		t.Fatal(e)
	}
	stop := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer stop.Stop()
	_ = cmd.Wait() // most fail, and are to say so
	return stdout.String(), stderr.String()
}

// answersOnce is a server that answers whatever comes over a connection first.
func answersOnce(t *testing.T, answer func(first []byte) []byte) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				first := make([]byte, 64<<10)
				n, _ := c.Read(first)
				_, _ = c.Write(answer(first[:n]))
				_, _ = io.Copy(io.Discard, c)
			}()
		}
	}()
	return ln.Addr().String()
}

// site is a web server with one answer, and a sidecar that is garbage.
func site(t *testing.T, answer string) string {
	return "http://" + answersOnce(t, func(first []byte) []byte {
		if bytes.Contains(first, []byte(".starmesh ")) {
			return []byte("HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + strings.Repeat(hostile, 400)[:400])
		}
		return []byte(answer + "\r\n\r\n" + hostile)
	}) + "/f"
}

// star is a server of the star that says WELCOME and then one message.
func star(t *testing.T, kind byte, body string) string {
	text := func(s string) string { return string(binary.BigEndian.AppendUint16(nil, uint16(len(s)))) + s }
	frame := func(kind byte, body string) string {
		return string(binary.BigEndian.AppendUint32(nil, uint32(len(body)))) + string(kind) + body
	}
	if kind == 6 { // BYE
		body = text(body)
	} else {
		body = "\x00\x00\x00\x01\x00\x12\x00\x00\x00\x00" + text(body) // ERROR
	}
	return answersOnce(t, func([]byte) []byte {
		return []byte(frame(2, "\x01\x00\x00\x00\x00\x00\x00\x00\x01\x2c"+text(hostile)) + frame(kind, body))
	})
}

// TestNoTerminalObeysStrangers: whatever comes in, and wherever it is shown.
func TestNoTerminalObeysStrangers(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("it starts servers, and files are called as no system with few characters allows")
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(text), 0o600); err != nil {
			t.Skip("this file system has no such names: ", err)
		}
		return at
	}
	write("plain", "text")
	write("odd/"+strings.ReplaceAll(hostile, "/", ""), "bytes")
	write("turned/"+hidden, "bytes")
	sums := write("sums", strings.Repeat("a", 64)+"  "+hostile+"\n"+hostile+"\n")
	garbage, profile := write("garbage", hostile), write("profile", "[node]\n"+hostile+" = "+hostile+"\n")
	served := service(t, "listening", "central", "serve", filepath.Join(dir, "turned"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0")
	shared := service(t, "ticket", "peer", "serve", filepath.Join(dir, "turned", hidden), "--no-mdns")["ticket"]
	agent := answersOnce(t, func([]byte) []byte {
		b, _ := json.Marshal(strings.ToValidUTF8(hostile, "\x1b"))
		body := fmt.Sprintf(`{"node":%s,"sockets":[{"proto":%s,"local":%s,"remote":%s,"state":%s,"fd":3,"role":%s}]}`, b, b, b, b, b, b)
		return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	})
	failing := answersOnce(t, func([]byte) []byte { return []byte("HTTP/1.1 500 " + hostile + "\r\n\r\n" + hostile) })
	short := []string{"--retry-for", "0s"}
	with := func(args ...string) []string { return append(args, short...) }
	for _, row := range []struct {
		what string
		args []string
		env  []string
		data bool // standard output is what was asked for, byte by byte, unless a person reads it
	}{
		{what: "a web server's status", args: with("get", site(t, "HTTP/1.1 404 "+hostile))},
		{what: "a web server's status, to the star", args: with("central", "get", site(t, "HTTP/1.1 404 "+hostile), "--trace")},
		{what: "a web server's failure", args: with("get", site(t, "HTTP/1.1 500 "+hostile))},
		{what: "its Location", args: with("get", site(t, "HTTP/1.1 302 Found\r\nLocation: http://"+hidden+"/"+hidden))},
		{what: "its Location, to the star", args: with("central", "get", site(t, "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/"+hidden))},
		{what: "its ETag, Server and type", args: with("get", site(t, "HTTP/1.1 200 "+hostile+"\r\nETag: "+hostile+"\r\nServer: "+hostile+"\r\nContent-Type: "+hostile+"\r\nContent-Length: 5"))},
		{what: "its name for the file", args: with("get", site(t, "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\""+hidden+"\"\r\nContent-Length: 5"))},
		{what: "its encoding and range", args: with("get", site(t, "HTTP/1.1 206 OK\r\nContent-Encoding: "+hidden+"\r\nContent-Range: bytes "+hidden+"\r\nContent-Length: 5"))},
		{what: "why it is busy", args: with("central", "get", site(t, "HTTP/1.1 503 Busy\r\nRetry-After: "+hidden+"\r\nStarmesh-Why: "+hidden+"\r\nStarmesh-Working: "+hidden))},
		{what: "what is no HTTP", args: with("get", site(t, hostile))},
		{what: "a sidecar on the disk", args: with("get", site(t, "HTTP/1.1 200 OK"), "--sidecar", garbage)},
		{what: "a star's error", args: with("central", "get", star(t, 5, hostile), "x", "--trace")},
		{what: "a star's error, to ls", args: []string{"central", "ls", star(t, 5, hostile)}},
		{what: "a star's error, to put", args: with("central", "put", star(t, 5, hostile), "plain")},
		{what: "a star's error, to watch", args: []string{"central", "watch", star(t, 5, hostile)}},
		{what: "a star's error, to ping", args: []string{"central", "ping", star(t, 5, hostile), "--count", "1"}},
		{what: "a star's error, to get", args: with("get", "star://"+star(t, 5, hostile)+"/x")},
		{what: "a star's farewell", args: with("central", "get", star(t, 6, hostile), "x")},
		{what: "names at a star", args: []string{"central", "ls", served["listen"]}},
		{what: "a file of a star", args: []string{"central", "get", served["listen"], hidden, "-o", "got1/", "--trace", "-v"}},
		{what: "a file of a star, to get", args: []string{"get", served["address"] + "/" + hidden, "-o", "got2/", "--trace", "-v"}},
		{what: "a name that is not there", args: []string{"central", "get", served["listen"], hostile}},
		{what: "names in a mesh", args: []string{"peer", "ls", shared, "--no-mdns", "--wait", "500ms"}},
		{what: "a file of a mesh", args: []string{"peer", "get", shared, "--no-mdns", "-o", "got3/", "--trace", "-v"}},
		{what: "a file of a mesh, to get", args: []string{"get", shared, "--no-mdns", "-o", "got4/", "--trace", "-v"}},
		{what: "a ticket", args: with("peer", "get", "mesh:"+hostile, "--no-mdns")},
		{what: "an address", args: with("peer", "get", strings.Repeat("a", 64), "--no-mdns", "--join", "/dns4/"+hostile+"/tcp/1")},
		{what: "an address of a star", args: with("central", "get", "star://"+hostile+"/"+hostile)},
		{what: "a URL", args: with("get", "https://"+hostile+"/"+hostile)},
		{what: "a network", args: []string{"central", "serve", ".", "--allow", hostile}},
		{what: "files to share", args: []string{"peer", "serve", "odd", "--no-mdns", "--listen", "/ip4/192.0.2.1/tcp/1"}},
		{what: "a file to serve", args: []string{"central", "serve", "odd/" + hostile, "--listen", "127.0.0.1:0"}},
		{what: "files to put", args: with("central", "put", served["listen"], "odd")},
		{what: "files to hash", args: []string{"hash", "odd/" + strings.ReplaceAll(hostile, "/", "")}, data: true},
		{what: "a folder to hash", args: []string{"hash", "--collection", "odd"}},
		{what: "a file without a name like it", args: []string{"hash", hostile}},
		{what: "sums to check", args: []string{"hash", "--check", sums}, data: true},
		{what: "a sidecar's file", args: []string{"hash", "--sidecar", "odd/" + strings.ReplaceAll(hostile, "/", "")}, data: true},
		{what: "a sidecar's ticket", args: []string{"hash", "--sidecar", "plain", "--ticket", "mesh:" + hostile}},
		{what: "a torrent's file", args: []string{"hash", "--torrent", "http://127.0.0.1/", "turned/" + hidden}, data: true},
		{what: "a torrent's address", args: []string{"hash", "--torrent", "http://" + hostile + "/", "plain"}},
		{what: "an agent's sockets", args: []string{"central", "sockets", agent}},
		{what: "an agent's failure", args: []string{"peer", "sockets", failing}},
		{what: "an echo", args: []string{"echo", "send", answersOnce(t, func([]byte) []byte { return []byte(hostile) }), "hello"}},
		{what: "a manager's address", args: with("node", hostile)},
		{what: "a manager that is none", args: with("node", failing+"#"+strings.Repeat("A", 26), "--allow-push", ".")},
		{what: "a node's name", args: with("lab", "node", failing+"#"+strings.Repeat("A", 26), "--name", hostile)},
		{what: "a manager's code", args: []string{"push", "plain", "--nodes", "1", "--listen", "127.0.0.1:0"}, env: []string{"STARMESH_LAB_CODE=" + hostile}},
		{what: "what to push", args: []string{"push", hostile, "--nodes", "1", "--listen", "127.0.0.1:0"}},
		{what: "a profile", args: []string{"lab", "run", "--profile", profile, "-n", "1", "-s", "1KiB"}},
		{what: "a key", args: with("peer", "get", shared, "--no-mdns", "--network-key", garbage)},
		{what: "an identity", args: with("peer", "get", shared, "--no-mdns", "--identity", garbage)},
		{what: "users", args: []string{"central", "serve", ".", "--listen", "127.0.0.1:0", "--users", garbage}},
		{what: "certificates seen", args: with("central", "get", "stars://127.0.0.1:1/x", "--known-servers", garbage)},
		{what: "results to plan from", args: []string{"plan", "--from", garbage}},
		{what: "a load log", args: []string{"compare", garbage}},
		{what: "an environment", args: []string{"version"}, env: []string{"STARMESH_" + "UP=" + hostile, "STARMESH_" + hidden + "=1"}},
		{what: "a flag in the environment", args: with("get", shared, "--no-mdns"), env: []string{"STARMESH_UP=" + hostile}},
		{what: "a word that is no command", args: []string{hostile}},
		{what: "a flag that is none", args: []string{"get", "--" + hostile}},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(strings.Join(row.args, ""), "\x00") {
				t.Fatal("no argument has a NUL")
			}
			out, err := shown(t, dir, row.env, row.args...)
			if out+err == "" || strings.Contains(err, "unknown flag") && !strings.Contains(row.what, "flag") {
				t.Errorf("this shows nothing of it: %q", err)
			}
			if row.data {
				out = ""
			}
			events, apart := shown(t, dir, row.env, append(row.args, "--json")...)
			for what, text := range map[string]string{"stdout": out, "stderr": err, "stdout of --json": events, "stderr of --json": apart} {
				if all := obeyed(text); len(all) > 0 {
					t.Errorf("%s has %v in\n%q", what, all, text)
				}
			}
			t.Logf("%s%s", out, err)
		})
	}
	t.Run("a listing for people", func(t *testing.T) {
		t.Parallel()
		if all := obeyed(pageAt(t, served["http"])); len(all) > 0 {
			t.Errorf("it has %v", all)
		}
	})
}

func pageAt(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(bufio.NewReader(answer.Body))
	if err != nil || !strings.Contains(string(text), "202") {
		t.Fatalf("%v: %s", err, text)
	}
	return string(text)
}

// TestNoReportObeysLoadLogs: the logs of a lab may be anybody's. Each text in them has
// hostile behind it, but for those that say what kind of a line, or a time, it is.
func TestNoReportObeysLoadLogs(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("it runs a lab")
	}
	dir := t.TempDir()
	if out, err := shown(t, dir, nil, "lab", "run", "-n", "1", "-s", "64KiB", "--systems", "star,mesh", "--anyway", "--out", "lab"); !strings.Contains(out+err, "report") {
		t.Fatal(out, err)
	}
	quoted, err := json.Marshal(strings.ToValidUTF8(hostile, "\x1b"))
	if err != nil {
		t.Fatal(err)
	}
	poison := strings.Trim(string(quoted), `"`)
	// What a report is refused for is poisoned alone; all other texts are, besides, for
	// one report, which takes long to draw.
	texts := []string{"node", "program", "host", "file_name", "name", "why", "text", "version", "cpu", "links"}
	together := "(?:" + strings.Join(texts, "|") + ")"
	for _, which := range append(texts, "role", "system", together) {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			at := t.TempDir()
			if err := os.CopyFS(at, os.DirFS(filepath.Join(dir, "lab"))); err != nil {
				t.Fatal(err)
			}
			changed := 0
			err := filepath.WalkDir(at, func(name string, d os.DirEntry, err error) error {
				if ext := filepath.Ext(name); err != nil || d.IsDir() || ext != ".jsonl" && ext != ".json" {
					return err
				}
				text, err := os.ReadFile(name)
				if err != nil {
					return err
				}
				one := regexp.MustCompile(`("` + which + `": ?"[^"\\]*)"`)
				changed += len(one.FindAll(text, -1))
				return os.WriteFile(name, one.ReplaceAll(text, []byte(`$1 `+strings.ReplaceAll(poison, "$", "$$")+`"`)), 0o644)
			})
			if err != nil {
				t.Fatal(err)
			}
			if changed == 0 {
				t.Skip("no log has it")
			}
			shows := [][]string{
				{"compare", at}, {"compare", at, "--markdown"}, {"compare", at, "--csv"}, {"compare", at, "--json"}, {"plan", "--from", at},
			}
			if which == together {
				shows = [][]string{
					{"compare", at, "--html", filepath.Join(at, "compared.html"), "--results", filepath.Join(at, "again.json")},
					{"lab", "report", at}, {"lab", "report", at, "--out", filepath.Join(at, "new"), "--json"},
				}
			}
			for _, args := range shows {
				out, err := shown(t, dir, nil, args...)
				if all := obeyed(out + err); len(all) > 0 {
					t.Errorf("%q shows %v in\n%q", args, all, out+err)
				}
			}
			_ = filepath.WalkDir(at, func(name string, d os.DirEntry, err error) error {
				switch filepath.Ext(name) {
				case ".html", ".svg", ".md", ".csv":
				default:
					return err
				}
				text, err := os.ReadFile(name)
				if all := obeyed(string(text)); len(all) > 0 || err != nil {
					t.Errorf("%s has %v, %v", name, all, err)
				}
				return nil
			})
			if _, err := os.Stat(filepath.Join(at, "new", "report.html")); which == together && err != nil {
				t.Error("nothing was drawn: ", err)
			}
		})
	}
}
