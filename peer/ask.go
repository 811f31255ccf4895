package peer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// askTimeout is how long a question may take; each slice is a question.
const askTimeout = 20 * time.Second

// answerQuestion answers one question on a stream of its own.
func (n *Node) answerQuestion(ctx context.Context, from peer.ID, s stream) {
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(askTimeout))
	ctx, cancel := context.WithTimeout(ctx, askTimeout) // nobody waits for longer
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	kind, body, err := frame.Read(s, maxControl, nil)
	if err != nil {
		return
	}
	var answers []message
	if answers, err = n.answerTo(ctx, from, kind, body); err != nil {
		answers = []message{failed(typeError, err)}
	}
	var b []byte
	for _, m := range answers {
		b = encode(b, m)
	}
	n.cfg.Meter.OtherIn.Add(int64(frame.HeaderSize + len(body)))
	if _, err := s.Write(b); err == nil {
		n.cfg.Meter.OtherOut.Add(int64(len(b)))
	}
}

func (n *Node) answerTo(ctx context.Context, from peer.ID, kind frame.Type, body []byte) ([]message, error) {
	switch kind {
	case typeList:
		if len(body) > 0 {
			return nil, fault.Wrapf(fault.Protocol, "LIST has no body; this one has %d bytes", len(body))
		}
		return n.shared(), nil
	case typeProof:
		return n.proof(ctx, body)
	case typeStat:
		q, err := decodeEnquiry(kind, body)
		if err != nil {
			return nil, err
		}
		about, err := n.shelf.attributes(q.ID)
		return []message{kept{about}}, err
	case typeDraws:
		q, err := decodeEnquiry(kind, body)
		if err != nil {
			return nil, err
		}
		s := n.shelf.swarm(q.ID)
		if s == nil {
			return nil, fault.Wrapf(fault.NotFound, "%s is not shared here", q.ID.Short())
		}
		return []message{s.draw.servers(from)}, nil
	default:
		return nil, fault.Wrapf(fault.Unknown, "a question of type %#x", byte(kind))
	}
}

// proof answers PROOF: a part of the chunk list of a file.
func (n *Node) proof(ctx context.Context, body []byte) ([]message, error) {
	q, err := decodeProof(body)
	if err != nil {
		return nil, err
	}
	s, err := n.lend(ctx, q.ID)
	if err != nil {
		return nil, err
	}
	list, ok := s.list.(content.ChunkList)
	if !ok {
		return nil, fault.Wrapf(fault.Invalid, "%s is not a file but the contents of a folder", q.ID.Short())
	}
	cvs := list.Bytes()
	from := min(q.From*content.CVSize, len(cvs))
	until := min(from+maxValues*content.CVSize, len(cvs))
	return []message{values{Size: s.list.Size(), Name: s.name, CVs: cvs[from:until]}}, nil
}

// shared lists what this node shares, in messages of bounded size, the last
// short of maxFiles.
func (n *Node) shared() []message {
	var all []Shared
	for _, s := range n.shelf.all() {
		if s.quiet {
			continue
		}
		one := Shared{ID: s.list.ID(), Size: s.list.Size(), Name: s.name, Held: s.list.Len() - s.take.intake.Lacking()}
		if tree := n.shelf.folder(one.ID); tree != nil {
			one.Folder, one.Total = true, tree.Collection().Total()
			if !tree.Have().Full() { // a manifest alone is no folder
				one.Held = min(one.Held, s.list.Len()-1)
			}
		}
		all = append(all, one)
	}
	var answers []message
	for {
		k := min(len(all), maxFiles)
		answers = append(answers, files{all[:k]})
		all = all[k:]
		if k < maxFiles {
			return answers
		}
	}
}

// ask puts a question to a linked node and hands each answer to each until
// that says done.
func (n *Node) ask(ctx context.Context, l *link, q message, each func(kind frame.Type, body []byte) (done bool, err error)) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s, err := l.conn.Open(ctx, protoAsk)
	if err != nil {
		return gone(err)
	}
	n.trace.stream("opened", l.peer, protoAsk)
	n.trace.posted(l.peer, []message{q})
	defer s.Reset()
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	b := encode(nil, q)
	if _, err := s.Write(b); err != nil {
		return gone(err)
	}
	n.cfg.Meter.OtherOut.Add(int64(len(b)))
	r := bufio.NewReader(s)
	for {
		kind, body, err := readAnswer(r)
		if err != nil {
			return err
		}
		n.cfg.Meter.OtherIn.Add(int64(frame.HeaderSize + len(body)))
		if done, err := each(kind, body); done || err != nil {
			return err
		}
	}
}

func readAnswer(r io.Reader) (frame.Type, []byte, error) {
	kind, body, err := frame.Read(r, max(bodyLimit(typeValues), bodyLimit(typeFiles)), nil)
	if err != nil {
		return 0, nil, gone(err)
	}
	if kind == typeError {
		m, err := decodeFailure(typeError, body)
		if err != nil {
			return 0, nil, err
		}
		return 0, nil, m.err()
	}
	return kind, body, nil
}

// Listed is what the reachable nodes share, merged by id.
type Listed struct {
	Shared
	Nodes  int // that have all of it
	Partly int // that have some of it

	growing []*link // to those
}

// listTime is how long all nodes together may take to say what they share.
const listTime = 5 * time.Second

// List asks all linked nodes what they share. Nodes that do not answer are
// left out.
func (n *Node) List(ctx context.Context) []Listed {
	var mu sync.Mutex
	merged := map[content.ID]*Listed{}
	n.askAll(ctx, func(ctx context.Context, l *link) error {
		return n.ask(ctx, l, list{}, func(_ frame.Type, body []byte) (bool, error) {
			m, err := decodeFiles(body)
			mu.Lock()
			defer mu.Unlock()
			for _, f := range m.Files {
				merge(merged, f, l)
			}
			return len(m.Files) < maxFiles, err
		})
	})
	all := make([]Listed, 0, len(merged))
	for _, f := range merged {
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b Listed) int {
		return slices.Compare([]string{a.Name, a.ID.String()}, []string{b.Name, b.ID.String()})
	})
	return all
}

func merge(merged map[content.ID]*Listed, f Shared, from *link) {
	m := merged[f.ID]
	if m == nil {
		m = &Listed{Shared: f}
		merged[f.ID] = m
	}
	if f.Held == content.ChunkCount(f.Size) {
		m.Nodes++
	} else {
		m.Partly++
		m.growing = append(m.growing, from)
	}
	m.Held = max(m.Held, f.Held)
}

// Servers asks each node that has some of what was listed which servers it draws on for
// it now, and returns them by id, as scheme://host:port. Nodes that do not answer, or do
// not know the question, are left out.
func (n *Node) Servers(ctx context.Context, listed []Listed) map[content.ID][]string {
	growing := map[*link][]content.ID{} // who claims to have much is asked much, nobody else
	for _, f := range listed {
		for _, l := range f.growing {
			growing[l] = append(growing[l], f.ID)
		}
	}
	var mu sync.Mutex
	merged := map[content.ID][]string{}
	n.askAll(ctx, func(ctx context.Context, l *link) error {
		for _, id := range growing[l] {
			err := n.ask(ctx, l, enquiry{typeDraws, id}, func(kind frame.Type, body []byte) (bool, error) {
				if kind != typeServers {
					return false, fault.Wrapf(fault.Protocol, "a message of type %#x in answer to DRAWS", byte(kind))
				}
				m, err := decodeServers(body)
				if err != nil {
					return false, err
				}
				mu.Lock()
				defer mu.Unlock()
				all := append(merged[id], m.All...)
				slices.Sort(all)
				merged[id] = slices.Compact(all)
				return true, nil
			})
			if err != nil && !errors.Is(err, fault.NotFound) {
				return err
			}
		}
		return nil
	})
	return merged
}

// askAll puts questions to all linked nodes at the same time.
func (n *Node) askAll(ctx context.Context, questions func(context.Context, *link) error) {
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	var asking sync.WaitGroup
	for _, l := range n.links.all() {
		asking.Go(func() {
			if err := questions(ctx, l); err != nil {
				n.cfg.Log.Debug("no answer", "peer", l.peer, "error", err)
			}
		})
	}
	asking.Wait()
}
