package main

import (
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// ask puts one request, with headers in pairs, and returns what is answered.
func ask(t *testing.T, method, url string, header ...string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body := make([]byte, 4<<10)
	n, _ := io.ReadFull(answer.Body, body) // a stream goes on
	return answer.StatusCode, string(body[:n])
}

// TestAttemptsOnManagers are those of one who reaches a manager, a node that has
// joined it, or the page that shows who has, and was not asked.
func TestAttemptsOnManagers(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("it starts managers")
	}
	work := t.TempDir()
	at := func(name string) string { return filepath.Join(work, name) }
	if err := os.WriteFile(at("file"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(at("kept"), 0o755); err != nil {
		t.Fatal(err)
	}
	code, other := strings.Repeat("A", 26), strings.Repeat("B", 26)
	t.Setenv("STARMESH_LAB_CODE", code)
	token := strings.Repeat("right", 4)
	t.Setenv("STARMESH_AGENT_TOKEN", token)
	page := freePort(t)
	lab := service(t, "invite", "lab", "run", "--nodes", "2", "-n", "1", "--listen", "127.0.0.1:0", "--dashboard", page, "--out", at("lab"))["address"]
	push := service(t, "invite", "push", at("file"), "--nodes", "2", "--listen", "127.0.0.1:0")["address"]
	service(t, "joined", "lab", "node", lab, "--name", "theirs")
	agents := freePort(t)
	service(t, "listening", "central", "serve", at("kept"), "--listen", "127.0.0.1:0", "--agent", agents)

	join := func(code string, args ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			cmd := exec.Command("starmesh", append(args, "--retry-for", "0s")...)
			cmd.Env = append(os.Environ(), "STARMESH_LAB_CODE="+code)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Error("it may")
			}
			return string(out)
		}
	}
	web := func(method, url string, header ...string) func(*testing.T) string {
		return func(t *testing.T) string {
			status, text := ask(t, method, url, header...)
			if status < 400 {
				t.Errorf("%d", status)
			}
			return text
		}
	}
	speak := func(addr, words string, encrypted bool) func(*testing.T) string {
		return func(t *testing.T) string {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			_ = c.SetDeadline(time.Now().Add(30 * time.Second))
			if encrypted {
				c = tls.Client(c, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // nobody's certificate is looked at here
			}
			_, _ = io.WriteString(c, words)
			text, _ := io.ReadAll(io.LimitReader(c, 4<<10))
			return string(text) + "|"
		}
	}
	for _, row := range []struct {
		what string
		do   func(*testing.T) string
		says string
	}{
		{"to join without a code", join("", "node", push, "--allow-push", at("kept")), "code"},
		{"to join with another's code", join(other, "node", push, "--allow-push", at("kept")), "the code is not the manager's"},
		{"to join a lab with another's code", join(other, "lab", "node", lab), "the code is not the manager's"},
		{"to join with a code on the command line", join(code, "node", push+"#"+code, "--allow-push", at("kept")), "does not belong on the command line"},
		{"a lab's node at a push", join(code, "lab", "node", push), "this node keeps none"},
		{"a push's node at a lab", join(code, "node", lab, "--allow-push", at("kept")), "this node keeps files"},
		{"to join by a name that leads out", join(code, "lab", "node", lab, "--name", "../x"), "letters, digits"},
		{"to join by the name of a path", join(code, "lab", "node", lab, "--name", "a/b"), "letters, digits"},
		{"to join a manager that is none", join(code, "lab", "node", agents), "is no manager that waits for nodes"},
		{"the manager's port, plainly", speak(lab, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", false), "|"},
		{"the manager's port, encrypted", speak(lab, "GET /about HTTP/1.1\r\nHost: localhost\r\n\r\n", true), "|"},
		{"a node's commands, at its manager", speak(push, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", true), "|"},
		{"the list of nodes, by rebinding", web("GET", page+"/events", "Host", "evil.example"), "not known as"},
		{"the list of nodes, for another site", web("GET", page+"/events", "Origin", "http://evil.example"), "another site"},
		{"the page, by rebinding", web("GET", page+"/", "Host", "evil.example:8080"), "not known as"},
		{"its sockets, by rebinding", web("GET", page+"/sockets?run=x&node=theirs", "Host", "evil.example"), "not known as"},
		{"a command, for another site", web("POST", page+"/stop?node=theirs", "Origin", "http://evil.example"), "another site"},
		{"a form's command", web("POST", page+"/kill?node=theirs", "Content-Type", "application/x-www-form-urlencoded"), "X-Starmesh-Command"},
		{"a command from elsewhere", web("POST", page+"/stop?node=theirs", "X-Forwarded-For", "::ffff:192.0.2.1"), "need the agent's token"},
		{"a command by a wrong token", web("POST", page+"/start?node=theirs", "X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer wrong"), "need the agent's token"},
		{"a command by rebinding", web("POST", page+"/stop?node=theirs", "Host", "evil.example", "X-Starmesh-Command", "1"), "not known as"},
		{"a command of what there is not", web("POST", page+"/stop?run=../x&node=../x", "X-Starmesh-Command", "1"), "no run is under way"},
		{"an agent's health, by rebinding", web("GET", agents+"/healthz", "Host", "evil.example"), "not known as"},
		{"an agent's health, for another site", web("GET", agents+"/healthz", "Origin", "null"), "another site"},
		{"an agent's figures, by rebinding", web("GET", agents+"/metrics", "Host", "a.b.c"), "not known as"},
		{"an agent's command, by a wrong token", web("POST", agents+"/stop", "X-Forwarded-For", "192.0.2.1", "Authorization", "Bearer "+token[1:]), "need the agent's token"},
		{"an agent's command, by a basic login", web("POST", agents+"/stop", "Forwarded", "for=192.0.2.1", "Authorization", "Basic cmlnaHQ6cmlnaHQ="), "need the agent's token"},
	} {
		t.Run(row.what, func(t *testing.T) {
			said := row.do(t)
			if !strings.Contains(said, row.says) || strings.Contains(said, "theirs\"") || strings.Contains(said, "secret") || strings.Contains(said, token) {
				t.Errorf("%q, not %q", said, row.says)
			}
			t.Logf("%s", said)
		})
	}
	if status, text := ask(t, "GET", page+"/"); status != http.StatusOK || !strings.Contains(text, "<") { // it was not only broken
		t.Errorf("the page, for its own: %d %s", status, text)
	}
	if here, err := os.ReadDir(at("kept")); err != nil || len(here) > 0 {
		t.Errorf("what is kept: %v, %v", here, err)
	}
}
