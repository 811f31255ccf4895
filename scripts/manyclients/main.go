// Command manyclients plays many clients of one server at once, for
// scripts/bench-star.sh: each fetches the same file, verified; or
// they connect and stay idle. It prints one JSON object.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/transfer"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:7070", "the server")
	name := flag.String("name", "", "the file that all fetch")
	url := flag.String("url", "", "fetch this over HTTP instead, unverified")
	n := flag.Int("n", 512, "clients")
	idle := flag.Bool("idle", false, "connect, stay idle until standard input ends")
	flag.Parse()
	if err := run(*addr, *name, *url, *n, *idle); err != nil {
		fmt.Fprintln(os.Stderr, "manyclients:", err)
		os.Exit(1)
	}
}

func run(addr, name, url string, n int, idle bool) error {
	a, err := central.ParseAddress(addr)
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch {
	case idle:
		return stayIdle(ctx, a, n)
	case url != "":
		// Each client has a connection of its own, as different machines have.
		return together(n, func() error { return fetchHTTP(url) })
	default:
		return together(n, func() error { return fetch(ctx, a, name) })
	}
}

// together runs n clients at once and prints how long they took.
func together(n int, client func() error) error {
	start := make(chan struct{})
	took, errs := make([]time.Duration, n), make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			began := time.Now()
			errs[i] = client()
			took[i] = time.Since(began)
		})
	}
	began := time.Now()
	close(start)
	all.Wait()
	wall := time.Since(began)
	slices.Sort(took)
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	out := map[string]any{
		"clients": n, "failed": len(failed), "wall_s": wall.Seconds(),
		"p50_s": took[n/2].Seconds(), "p99_s": took[n*99/100].Seconds(), "last_s": took[n-1].Seconds(),
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return err
	}
	return errors.Join(failed...)
}

func fetch(ctx context.Context, a central.Address, name string) error {
	c, err := central.Dial(ctx, a, central.ClientConfig{Timeout: time.Minute})
	if err != nil {
		return err
	}
	entry, err := c.Describe(ctx, name, content.ID{}, nil)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	list, err := c.ChunkList(ctx, entry)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	from := make(chan transfer.Source, 1)
	from <- c.Source(list)
	close(from)
	return transfer.Fetch(ctx, verifier{list}, from, transfer.Config{})
}

// verifier is where the chunks go: each is verified and dropped. To keep them
// would measure how fast this one process is given memory.
type verifier struct{ list content.ChunkList }

func (v verifier) Chunks() content.ChunkList        { return v.list }
func (v verifier) Have() content.Set                { return content.NewSet(v.list.Len()) }
func (v verifier) WriteChunk(i int, p []byte) error { return v.list.Verify(i, p) }

func fetchHTTP(url string) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// stayIdle opens n greeted connections, 64 at a time.
func stayIdle(ctx context.Context, a central.Address, n int) error {
	clients, errs := make([]*central.Client, n), make([]error, n)
	slots := make(chan struct{}, 64)
	var all sync.WaitGroup
	began := time.Now()
	for i := range n {
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			clients[i], errs[i] = central.Dial(ctx, a, central.ClientConfig{Timeout: time.Minute})
		})
	}
	all.Wait()
	failed := slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	out := map[string]any{"idle": n - len(failed), "failed": len(failed), "wall_s": time.Since(began).Seconds()}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	for _, c := range clients {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	return errors.Join(append(failed, err)...)
}
