package peer

import (
	"errors"
	"fmt"
	"time"

	"starmesh/common/fault"
	"starmesh/common/frame"
)

// handle does what a control message asks for. An error ends the link.
func (l *link) handle(kind frame.Type, body []byte) error {
	switch kind {
	case typeHello:
		return handling(body, decodeHello, l.greeted)
	case typeBye:
		m, err := decodeFailure(typeBye, body)
		if err != nil {
			return err
		}
		l.node.around.Ending(l.peer, fmt.Errorf("it ended the link: %w", m.err()))
		return fault.Wrapf(fault.Closed, "it ended the link: %w", m.err())
	case typeJoin, typeGather:
		decode := func(b []byte) (join, error) { return decodeJoin(kind, b) }
		return handling(body, decode, l.joined)
	case typeLeave:
		return handling(body, decodeLeave, l.leaves)
	case typeOffer:
		return about(l, body, decodeOffer, func(m *member, o offer) error {
			m.swarm.take.offered(m, o)
			return nil
		})
	case typeAnswer:
		return about(l, body, decodeAnswer, func(m *member, a answer) error {
			m.swarm.give.answered(m, a)
			return nil
		})
	case typeGot:
		return about(l, body, decodeGot, func(m *member, g got) error {
			m.swarm.give.received(m, g.Chunk)
			return nil
		})
	case typeComing, typeLost:
		decode := func(b []byte) (news, error) { return decodeNews(kind, b) }
		return about(l, body, decode, func(m *member, n news) error {
			m.swarm.give.heard(m, n)
			return nil
		})
	case typeDraw:
		return about(l, body, decodeDraw, func(m *member, d draw) error {
			m.swarm.draw.heard(d.Beats)
			return nil
		})
	case typePeers:
		return l.tellsOfPeers(body)
	default:
		return nil // from a newer version: for those who know it
	}
}

// tellsOfPeers handles PEERS. Long ones are cheap to send: they are read only while
// there is a use for them.
func (l *link) tellsOfPeers(body []byte) error {
	m, now := l.member(newDecoder(body).topic()), time.Now()
	switch {
	case m == nil, m.swarm.take.intake.Lacking() == 0,
		!m.introductions.take(now, maxPeersRate, maxPeersAtOnce), !l.introductions.take(now, maxPeersRate, maxTopics):
		return nil
	}
	return about(l, body, decodePeers, func(m *member, p peers) error {
		m.swarm.introduced(m, p.Places)
		return nil
	})
}

// errEnded is all there is to say of a node that went without a word, but had
// said HELLO.
var errEnded = errors.New("the connection with it ended")

// greeted handles HELLO.
func (l *link) greeted(m hello) error {
	if m.Version != version {
		return fault.Wrapf(fault.Version, "it speaks version %d of the protocol, this is %d", m.Version, version)
	}
	l.node.around.Ending(l.peer, errEnded)
	l.node.around.Learn(l.peer, m.Addrs)
	return nil
}

// handling decodes a message and does something with it.
func handling[M any](body []byte, decode func([]byte) (M, error), do func(M) error) error {
	m, err := decode(body)
	if err != nil {
		return err
	}
	return do(m)
}

// about does something with a message about a file. When the file is not
// shared any longer, the remote just does not know yet.
func about[M interface{ about() (topic, []int) }](l *link, body []byte, decode func([]byte) (M, error), do func(*member, M) error) error {
	return handling(body, decode, func(msg M) error {
		t, chunks := msg.about()
		m := l.member(t)
		if m == nil {
			return nil
		}
		if err := m.swarm.check(chunks...); err != nil {
			return err
		}
		return do(m, msg)
	})
}

// about returns of which file and of which of its chunks a message is.
func (m offer) about() (topic, []int)  { return m.Topic, []int{m.Chunk} }
func (m answer) about() (topic, []int) { return m.Topic, []int{m.Chunk} }
func (m got) about() (topic, []int)    { return m.Topic, []int{m.Chunk} }
func (m news) about() (topic, []int)   { return m.Topic, m.Chunks }
func (m peers) about() (topic, []int)  { return m.Topic, nil }
func (m draw) about() (topic, []int)   { return m.Topic, nil }

// arrived hands a chunk to its swarm.
func (l *link) arrived(t topic, i int, p []byte) error {
	m := l.awaited(t)
	if m == nil {
		return nil // of a file that was withdrawn
	}
	if err := m.swarm.check(i); err != nil {
		return err
	}
	if want := m.swarm.list.ChunkLen(i); len(p) != want {
		return fault.Wrapf(fault.Corrupt, "chunk %d has %d bytes, not %d", i, len(p), want)
	}
	l.post(got{Topic: m.swarm.topic, Chunk: i})
	return m.swarm.take.received(m, i, p)
}
