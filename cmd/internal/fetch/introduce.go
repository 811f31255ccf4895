package fetch

import (
	"context"
	"sync"
	"time"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/retry"
	"starmesh/peer/p2phost"
)

// askedAgain is how often a server is asked for others anew: it may have been
// started again and know nobody, and others may have come.
var askedAgain = retry.Backoff{First: 10 * time.Second, Max: 10 * time.Second, Jitter: 0.5}

// introduce has servers of ours tell others of this node, and this node of
// others, for as long as it fetches and shares the file.
func (h *Hybrid) introduce(ctx context.Context, id content.ID) {
	ctx, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	for _, s := range h.servers.all {
		star, ok := s.(*starServer)
		if !ok {
			continue
		}
		door := &introduction{hybrid: h, id: id, at: star.session, met: map[string]bool{}}
		var err error
		if star.session.connected {
			err = door.meet(ctx)
		}
		door.at = newSession(star.addr, h.Client, h.Out) // that connection brings chunks now, and ends with them
		group.Go(func() { door.stay(ctx, err) })
	}
	h.cleanUp = append(h.cleanUp, func() {
		stop()
		group.Wait()
	})
}

// introduction is what one server and this node tell each other of receivers.
type introduction struct {
	hybrid *Hybrid
	id     content.ID
	at     *session[*central.Client]
	met    map[string]bool // places that the server named
}

// stay keeps the server telling others of this node, which it does while a
// connection lasts. err is what it said the first time.
func (i *introduction) stay(ctx context.Context, err error) {
	defer i.at.close()
	for !fault.Final(err) {
		if retry.Wait(ctx, max(askedAgain.Pause(1), fault.RetryAfter(err))) != nil {
			return
		}
		err = i.meet(ctx)
	}
}

// meet asks the server once, and has the node look for those that it names.
func (i *introduction) meet(ctx context.Context) error {
	node, out := i.hybrid.node, i.hybrid.Out
	var own, places []string
	for _, a := range node.Addrs() {
		own = append(own, a.String())
	}
	err := i.at.do(ctx, func(c *central.Client) (err error) {
		places, err = c.Meet(ctx, i.id, own)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			out.Event("not introduced", map[string]string{"server": i.at.addr.String(), "why": out.Words(err)})
		}
		return err
	}
	news := false
	for _, place := range places {
		info, err := p2phost.ParsePeer(place)
		if err != nil || info.ID == node.ID() {
			continue
		}
		node.Meet(info)
		if !i.met[place] {
			i.met[place], news = true, true
		}
	}
	if news {
		out.Note("%s knows of others that fetch it", i.at.addr)
	}
	return nil
}
