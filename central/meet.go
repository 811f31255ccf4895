package central

import (
	"context"
	"slices"
	"sync"

	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/frame"
)

// Receivers of a file that could help each other are told of each other: each
// says where it can be reached, in words that mean nothing to the server.

const (
	// MaxPlaces bounds the addresses in one MEET or MET, and maxPlace each of
	// them, in bytes.
	MaxPlaces = 8
	maxPlace  = 512

	// maxMeetings is how many of those who met lately are looked at for one MEET:
	// many may say the same.
	maxMeetings = 8 * MaxPlaces
)

// meet says that the sender fetches a file and may be reached at those places.
type meet struct {
	Req    uint32
	ID     content.ID
	Places []string
}

func (meet) kind() frame.Type { return typeMeet }
func (m meet) append(b []byte) []byte {
	return appendPlaces(append(appendReq(b, m.Req), m.ID[:]...), m.Places)
}

func decodeMeet(b []byte) (m meet, err error) {
	d := newDecoder(b)
	m.Req, m.ID, m.Places = d.U32(), d.id(), d.places()
	return m, d.end("MEET")
}

// met answers meet with places of others that fetch the file.
type met struct {
	Req    uint32
	Places []string
}

func (met) kind() frame.Type         { return typeMet }
func (m met) append(b []byte) []byte { return appendPlaces(appendReq(b, m.Req), m.Places) }
func decodeMet(b []byte) (m met, err error) {
	d := newDecoder(b)
	m.Req, m.Places = d.U32(), d.places()
	return m, d.end("MET")
}

func appendPlaces(b []byte, places []string) []byte {
	b = append(b, byte(len(places)))
	for _, p := range places {
		b = appendString(b, p)
	}
	return b
}

func (d *decoder) places() (places []string) {
	n := int(d.U8())
	if n > MaxPlaces {
		d.Fail(fault.TooLarge, "%d places; %d are allowed", n, MaxPlaces)
	}
	for range n {
		if d.Err != nil {
			return nil
		}
		places = append(places, d.text(maxPlace))
	}
	return places
}

// Meet tells the server where this receiver of a file can be reached by others
// that fetch it, and returns where those can be. It fails with fault.Unknown at an
// older server, and with fault.Refused at one that introduces nobody. Places over
// the bounds (8, of 512 bytes) are left out.
func (c *Client) Meet(ctx context.Context, id content.ID, places []string) (others []string, err error) {
	places = slices.DeleteFunc(slices.Clone(places), func(p string) bool { return len(p) > maxPlace })
	m := meet{Req: c.next(), ID: id, Places: places[:min(len(places), MaxPlaces)]}
	err = c.exchange(ctx, m, func(kind frame.Type, b []byte) (bool, error) {
		if kind != typeMet {
			return false, unexpected(kind, typeMeet)
		}
		answer, err := decodeMet(b)
		others = answer.Places
		return true, err
	})
	return others, err
}

// meet answers MEET. What a connection said last counts, while it lasts.
func (s *session) meet(m meet) error {
	if s.server.cfg.NoIntroduce {
		return fault.Wrapf(fault.Refused, "this server introduces nobody to anybody")
	}
	if _, _, err := s.server.cfg.Folder.ByID(m.ID); err != nil {
		return err
	}
	return s.link.send(met{Req: m.Req, Places: s.server.meetings.enter(s, m)})
}

// meetings are the receivers of each file that said where they can be reached,
// the latest last: one of each connection at the most.
type meetings struct {
	mu    sync.Mutex
	files map[content.ID][]meeting
}

type meeting struct {
	by     *session
	places []string
}

// enter notes where the client of a session can be reached, and returns places of
// others, first those of the latest.
func (f *meetings) enter(s *session, m meet) (others []string) {
	f.leave(s)
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.files[m.ID]
	for _, other := range slices.Backward(all[max(0, len(all)-maxMeetings):]) {
		news := slices.DeleteFunc(slices.Clone(other.places), func(p string) bool {
			return slices.Contains(m.Places, p) || slices.Contains(others, p) // said over two connections
		})
		if len(others)+len(news) > MaxPlaces {
			break
		}
		others = append(others, news...)
	}
	if len(m.Places) == 0 {
		return others
	}
	if f.files == nil {
		f.files = map[content.ID][]meeting{}
	}
	f.files[m.ID], s.fetches = append(f.files[m.ID], meeting{s, m.Places}), m.ID
	return others
}

// leave forgets what a session said.
func (f *meetings) leave(s *session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	left := slices.DeleteFunc(f.files[s.fetches], func(m meeting) bool { return m.by == s })
	if len(left) == 0 {
		delete(f.files, s.fetches)
	} else {
		f.files[s.fetches] = left
	}
}
