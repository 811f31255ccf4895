package central

import (
	"bufio"
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"starmesh/common/load"
	"starmesh/common/store"
)

// FuzzHTTPRequests: whatever is asked for, nothing is told but what the folder
// holds, and no question is the server's fault.
func FuzzHTTPRequests(f *testing.F) {
	const head = " HTTP/1.1\r\nHost: x\r\n"
	for _, request := range []string{
		"GET /file" + head + "Range: bytes=1-3\r\n\r\n", "GET /file" + head + "Range: bytes=-0\r\n\r\n", "HEAD /file" + head + "\r\n",
		"GET /file" + head + "Range: lines=1-2\r\n\r\n", "GET /file?chunks" + head + "\r\n", "GET /" + head + "\r\n", "GET /dir" + head + "\r\n",
		"GET /dir/?after=a" + head + "\r\n", "GET /../secret" + head + "\r\n", "GET /%2e%2e%2fsecret" + head + "\r\n", "GET /dir/..%5c..%5csecret" + head + "\r\n",
		"GET /link" + head + "\r\n", "GET //file" + head + "\r\n", "POST /file" + head + "Content-Length: 1\r\n\r\nx", "GET /file%00" + head + "If-Range: \"x\"\r\nRange: bytes=0-\r\n\r\n",
	} {
		f.Add([]byte(request))
	}
	s, file := folderOfOne(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(rememberConn(t.Context(), &httpConn{server: s}), 5*time.Second)
		defer cancel()
		w := httptest.NewRecorder()
		s.httpHandle(w, r.WithContext(ctx))
		if w.Code >= 500 {
			t.Errorf("%q: status %d: %s", b, w.Code, w.Body)
		}
		if bytes.Contains(w.Body.Bytes(), []byte("nobody's business")) {
			t.Errorf("%q: told what is outside of the folder", b)
		}
		if r.Method == http.MethodGet && r.URL.Path == "/file" && r.URL.RawQuery == "" && w.Code == http.StatusOK && !bytes.Equal(w.Body.Bytes(), file) {
			t.Errorf("%q: %d bytes, not the file's %d", b, w.Body.Len(), len(file))
		}
	})
}

// folderOfOne is a server, without a network, of a folder with one file, one
// folder, and a link out of it.
func folderOfOne(f *testing.F) (*Server, []byte) {
	top, file := f.TempDir(), noise(1000)
	dir := filepath.Join(top, "files")
	for _, err := range []error{
		os.MkdirAll(filepath.Join(dir, "dir"), 0o755),
		os.WriteFile(filepath.Join(dir, "file"), file, 0o644),
		os.WriteFile(filepath.Join(dir, "dir", "a"), file, 0o644),
		os.WriteFile(filepath.Join(top, "secret"), []byte("nobody's business"), 0o644),
		os.Symlink(filepath.Join(top, "secret"), filepath.Join(dir, "link")),
	} {
		if err != nil {
			f.Skip(err)
		}
	}
	folder, err := store.OpenFolder(dir, store.FolderConfig{Interval: time.Hour})
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	scanned := make(chan error, 1)
	go func() { scanned <- folder.Run(ctx) }()
	f.Cleanup(func() {
		cancel()
		if err := <-scanned; err != nil {
			f.Error(err)
		}
		if err := folder.Close(); err != nil {
			f.Error(err)
		}
	})
	return NewServer(ServerConfig{Folder: folder, Instruments: Instruments{Meter: new(load.Meter)}, Agent: "test"}), file
}
