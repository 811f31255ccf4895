package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// service starts a command that serves until the test ends, and returns its
// first event of that name.
func service(t *testing.T, event string, args ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("starmesh", append(args, "--json")...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var said map[string]any
		if json.Unmarshal(lines.Bytes(), &said) != nil || said["event"] != event {
			continue
		}
		go func() {
			for lines.Scan() { // it must not wait for us to read
			}
		}()
		fields := map[string]string{}
		for name, value := range said {
			fields[name], _ = value.(string)
		}
		return fields
	}
	t.Fatalf("%q ended without %s", args, event)
	return nil
}

// attempt is one way to get at what is not one's own; says is what is answered.
type attempt struct {
	what string
	args []string
	says string
}

// TestAttempts tries to get in, to write, and to get out of what is served, in
// ways that have worked elsewhere; each is refused, and told why.
func TestAttempts(t *testing.T) {
	if testing.Short() || runtime.GOOS == "windows" {
		t.Skip("it starts servers and makes links")
	}
	work := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(work, name)
		if err := cmp.Or(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
		return name
	}
	write("files/a.txt", "for everyone")
	write("files/.hidden", "secret")
	outside := write("outside", "secret")
	if err := os.Symlink(outside, filepath.Join(work, "files/link")); err != nil {
		t.Fatal(err)
	}
	users := ""
	for _, user := range []string{"ann", "bob"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(write(user, user+"'s")[len(work)+1:]+"'s"), bcrypt.MinCost)
		if err != nil {
			t.Fatal(err)
		}
		users += user + ":" + string(hash) + "\n"
	}
	at := func(name string) string { return filepath.Join(work, name) }
	loopback := []string{"central", "serve", at("files"), "--listen", "127.0.0.1:0"}
	open := service(t, "listening", append(loopback, "--http", "127.0.0.1:0", "--agent", "127.0.0.1:0")...)["address"]
	denied := service(t, "listening", append(loopback, "--deny", "::ffff:127.0.0.0/104", "--http", "127.0.0.1:0")...)
	elsewhere := service(t, "listening", append(loopback, "--allow", "192.0.2.0/24", "--http", "127.0.0.1:0")...)
	guarded := append(loopback, "--tls", "--users", write("users", users), "--writable", "--write-users", "ann")
	shut := service(t, "listening", guarded...)["address"]
	closed := service(t, "listening", append(guarded, "--http", "127.0.0.1:0")...) // wrong passwords are counted apart
	plain := strings.Replace(strings.Split(shut, "#")[0], "stars:", "star:", 1)
	locked := strings.Replace(shut, "#", "/a.txt#", 1)
	repinned := strings.Split(locked, "#")[0] + "#sha256=" + strings.Repeat("ab", 32)
	web := closed["http"] + "a.txt#" + strings.Split(closed["address"], "#")[1]
	key := write("other.key", "")
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("starmesh", "peer", "key", key).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mine := at("mine.key")
	if out, err := exec.Command("starmesh", "peer", "key", mine).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	private := service(t, "ticket", "peer", "serve", at("files/a.txt"), "--no-mdns", "--network-key", mine)["ticket"]
	listed := service(t, "ticket", "peer", "serve", at("files/a.txt"), "--no-mdns", "--allow-peer", "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo")["ticket"]

	get := func(address string, more ...string) []string {
		return append([]string{"central", "get", address, "-o", at("got") + "/"}, more...)
	}
	as := func(user, password string) []string { return []string{"--user", user, "--password-file", at(password)} }
	for _, a := range []attempt{
		{"no credentials", get(locked), "user name and password"},
		{"a wrong password", get(locked, as("ann", "outside")...), "wrong user name or password"},
		{"another's password", get(locked, as("ann", "bob")...), "wrong user name or password"},
		{"nobody's name", get(locked, as("eve", "ann")...), "wrong user name or password"},
		{"a password to who does not ask for one", get(plain+"/a.txt", as("ann", "ann")...), "TLS"},
		{"no credentials, over HTTP", get(web), "user name and password"},
		{"a wrong password, over HTTP", get(web, as("ann", "outside")...), `does not know user "ann"`},
		{"another's password, over HTTP", get(web, as("bob", "ann")...), `does not know user "bob"`},
		{"a password in the address", get(strings.Replace(web, "//", "//ann:ann's@", 1)), "do not belong in"},
		{"plaintext", get(plain+"/a.txt", as("ann", "ann")...), "speaks TLS only: use stars://"},
		{"plaintext, over HTTP", get(strings.Replace(closed["http"], "https", "http", 1)+"a.txt", as("ann", "ann")...), "use https:// instead"},
		{"TLS where there is none", get(strings.Replace(open, "star:", "stars:", 1) + "/a.txt"), "does not speak TLS"},
		{"another certificate", get(repinned, as("ann", "ann")...), "it was replaced, or someone is in between"},
		{"another certificate, over HTTP", get(strings.Split(web, "#")[0]+"#"+strings.Split(repinned, "#")[1], as("ann", "ann")...), "it was replaced, or someone is in between"},
		{"a denied network, as IPv6 has it", get(denied["address"] + "/a.txt"), "does not serve 127.0.0.1"},
		{"a denied network, as IPv6 has it, over HTTP", get(denied["http"] + "a.txt"), "does not serve 127.0.0.1"},
		{"a denied network, to list", []string{"central", "ls", denied["listen"]}, "does not serve 127.0.0.1"},
		{"a denied network, to watch", []string{"central", "watch", denied["listen"]}, "does not serve 127.0.0.1"},
		{"a network that is not allowed", get(elsewhere["address"] + "/a.txt"), "does not serve 127.0.0.1"},
		{"a network that is not allowed, over HTTP", get(elsewhere["http"] + "a.txt"), "does not serve 127.0.0.1"},
		{"PUT to a server that is read-only", []string{"central", "put", open, outside}, "read-only"},
		{"PUT without the right", append([]string{"central", "put", shut, outside}, as("bob", "bob")...), "may read but not write"},
		{"out by name", get(open, "../outside"), `the element ".."`},
		{"out by an encoded name", get(open + "/%2e%2e/outside"), `the element ".."`},
		{"out by a link", get(open + "/link"), "no file or folder"},
		{"a hidden file", get(open + "/.hidden"), "no file or folder"},
		{"another case", get(open + "/A.TXT"), "no file or folder"},
		{"a NUL", get(open + "/a.txt%00.png"), "control character"},
		{"a device", get(open + "/CON"), "a device on Windows"},
		{"PUT out by name", append([]string{"central", "put", shut, outside, "--as", "../outside"}, as("ann", "ann")...), `the element ".."`},
		{"PUT of a hidden file", append([]string{"central", "put", shut, outside, "--as", ".profile"}, as("ann", "ann")...), "hidden"},
		{"PUT of a device", append([]string{"central", "put", shut, outside, "--as", "aux"}, as("ann", "ann")...), "a device on Windows"},
		{"a mesh's key that is another's", []string{"peer", "get", private, "--no-mdns", "--network-key", key, "--retry-for", "1s", "-o", at("got") + "/"}, "has not proved the network key"},
		{"a mesh's key that is none", []string{"peer", "get", private, "--no-mdns", "--retry-for", "1s", "-o", at("got") + "/"}, "is its mesh private?"},
		{"a node that is not on the list", []string{"peer", "get", listed, "--no-mdns", "--retry-for", "1s", "-o", at("got") + "/"}, "this node's id on its list"},
	} {
		t.Run(a.what, func(t *testing.T) {
			out, err := exec.Command("starmesh", a.args...).CombinedOutput()
			if err == nil || !strings.Contains(string(out), a.says) || strings.Contains(string(out), "secret") || strings.Contains(string(out), "ann's") {
				t.Errorf("%v; %s", err, out)
			}
			t.Logf("%s", out)
		})
	}
	got, _ := os.ReadDir(at("got"))
	for _, f := range got {
		if !f.IsDir() {
			t.Errorf("%s was got", f.Name())
		}
	}
	if here, err := os.ReadDir(at("files")); err != nil || len(here) != 3 {
		t.Errorf("what is served is now %v, %v", here, err)
	}
}

// TestAttemptsOfPages are those of a page of another site, in a browser that
// reaches server and agent, and of one who is elsewhere.
func TestAttemptsOfPages(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	door, agentAt := freePort(t), freePort(t)
	service(t, "listening", "central", "serve", dir, "--listen", "127.0.0.1:0", "--http", door, "--agent", agentAt)
	for _, a := range []struct {
		what, method, url, header, value string
		says                             string
	}{
		{"rebinding, the files", "GET", door + "/a.txt", "Host", "evil.example", "not known as"},
		{"rebinding, the listing", "GET", door + "/", "Host", "evil.example:8080", "not known as"},
		{"rebinding, the agent", "GET", agentAt + "/load", "Host", "evil.example", "not known as"},
		{"cross-site, the agent", "GET", agentAt + "/load", "Origin", "http://evil.example", "another site"},
		{"cross-site, a command", "POST", agentAt + "/stop", "Origin", "http://evil.example", "another site"},
		{"a form's command", "POST", agentAt + "/stop", "Content-Type", "text/plain", "X-Starmesh-Command"},
		{"a command from elsewhere", "POST", agentAt + "/stop", "X-Forwarded-For", "192.0.2.1", "this machine only"},
		{"out by name", "GET", door + "/%2e%2e/etc/passwd", "", "", `the element ".."`},
		{"a NUL", "GET", door + "/a.txt%00", "", "", "control character"},
		{"a file and a query", "GET", door + "/a.txt?x", "", "", "%3F"},
	} {
		t.Run(a.what, func(t *testing.T) {
			r, err := http.NewRequest(a.method, "http://"+a.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if a.header == "Host" {
				r.Host = a.value
			} else if a.header != "" {
				r.Header.Set(a.header, a.value)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			line, _ := bufio.NewReader(answer.Body).ReadString('\n')
			if answer.StatusCode < 400 || !strings.Contains(line, a.says) || strings.Contains(line, "secret") {
				t.Errorf("%s: %s", answer.Status, line)
			}
			t.Logf("%s: %s", answer.Status, line)
		})
	}
}
