package central

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/store"
	"starmesh/common/transfer"
)

// TestAFileComesInTwoRoundTrips: whatever does not depend on an answer is said
// with what comes before it, which this server insists on.
func TestAFileComesInTwoRoundTrips(t *testing.T) {
	data := noise(3*content.MinChunk + 5)
	list, err := content.Hash(t.Context(), bytes.NewReader(data), int64(len(data)), nil)
	if err != nil {
		t.Fatal(err)
	}
	entry := store.Entry{Name: "x", Size: list.Size(), ID: list.ID(), ModTime: time.Unix(1, 0).UTC()}
	addr := pretend(t, func(c *rawClient) {
		c.hear(typeHello)
		asked, _ := decodeList(c.hear(typeList))
		c.say(welcome{Version: version, Features: longLists})
		c.say(entries{Req: asked.Req, Entries: []store.Entry{entry}})
		m, _ := decodeProof(c.hear(typeProof))
		g, _ := decodeGet(c.hear(typeGet))
		c.say(values{Req: m.Req, CVs: list.Bytes()})
		for i := range list.Len() {
			_ = c.sayBytes(append(appendChunkHead(nil, g.Req, uint32(i), list.ChunkLen(i)), data[list.Offset(i):][:list.ChunkLen(i)]...))
		}
		c.hear(typeBye)
	})
	c, err := Connect(t.Context(), addr, ClientConfig{Timeout: patient})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for e, err := range c.List(t.Context(), "x") {
		if err != nil || e.ID != entry.ID {
			t.Fatalf("%v, %v", e, err)
		}
	}
	got, err := c.Begin(t.Context(), entry)
	if err != nil {
		t.Fatal(err)
	}
	if c.Alive() {
		t.Error("chunks are on their way that nobody has taken, and other requests may be made")
	}
	p, err := fetch(t, got, transfer.Config{}, c.Source(got))
	if err != nil || !bytes.Equal(p, data) {
		t.Errorf("%d of %d bytes, %v", len(p), len(data), err)
	}
	if !c.Alive() {
		t.Error("nothing is under way, and the connection is used up")
	}
}

// TestWhatIsAskedForUnseenMayBeHereAlready: chunks that another source has claimed
// by the time that the list has come are no error.
func TestWhatIsAskedForUnseenMayBeHereAlready(t *testing.T) {
	s := startServer(t)
	data := noise(40*content.MinChunk + 5)
	s.add(t, "x", data)
	first, second := dial(t, s), dial(t, s)
	entry, list := describeFile(t, first, "x")
	if _, err := first.Begin(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	if _, err := second.Begin(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	p, err := fetch(t, list, transfer.Config{}, first.Source(list), second.Source(list))
	if err != nil || !bytes.Equal(p, data) {
		t.Errorf("%d of %d bytes, %v", len(p), len(data), err)
	}
}

// TestAFileThatGoesIsMissedByBegin, and by the source that follows.
func TestAFileThatGoesIsMissedByBegin(t *testing.T) {
	c := dial(t, startServer(t))
	nowhere := store.Entry{Name: "x", Size: 9, ID: content.Sum([]byte("nine byte"))}
	if _, err := c.Begin(t.Context(), nowhere); !errors.Is(err, fault.NotFound) && !errors.Is(err, fault.Busy) {
		t.Error(err)
	}
	if c.Alive() {
		t.Error("an answer is on its way that nobody waits for")
	}
}

// TestTheFirstRequestTellsWhatDialWould: a server that does not let us in, and one
// that wants a password, say so to a client that has not waited for its greeting.
func TestTheFirstRequestTellsWhatDialWould(t *testing.T) {
	for what, c := range map[string]struct {
		says message
		want error
	}{
		"full":           {failure{Code: fault.Code(fault.Busy)}, fault.Busy},
		"password":       {welcome{Version: version, Auth: true}, fault.Unauthorized},
		"other versions": {failure{Code: fault.Code(fault.Version)}, fault.Version},
	} {
		addr := pretend(t, func(r *rawClient) {
			r.hear(typeHello)
			r.say(c.says)
			r.hear(typeList)
		})
		client, err := Connect(t.Context(), addr, ClientConfig{Timeout: patient})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		for _, err = range client.List(t.Context(), "") {
			break
		}
		if !errors.Is(err, c.want) || client.Reached() {
			t.Errorf("%s: %v, not %v", what, err, c.want)
		}
		client.Close()
	}
}
