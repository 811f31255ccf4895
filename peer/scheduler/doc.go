// Package scheduler owns the question a mesh is about: which chunk do I give to
// whom next, and what do I accept.
//
// It is bookkeeping alone: no goroutine, no clock, no message, and no lock but
// that of Reputation. The caller tells what it has learnt and when, and asks what
// to do. Giver is the half of a node that has chunks, Taker the half that wants
// them; a node that fetches is both, for each file. Reputation is what the node
// has learnt of its givers from all files.
//
// The giver chooses, a taker only accepts or declines: takers that choose for
// themselves (rarest first) ask the origin for the same chunk many times over
// and end at 1.5 to 3.5 times the shortest possible time. The rules:
//
//   - The origin gives each chunk once, always to the neighbour with the least
//     left to pass on. Whoever got a first copy passes it on to all who lack
//     it, before it helps with any other chunk. This is the fluid scheme that
//     attains the bound (Kumar and Ross, "Peer-Assisted File Distribution: The
//     Minimum Distribution Time", 2006), cut into chunks, and it needs no
//     agreement among the givers.
//   - A node with nothing of its own left helps with the chunk that the fewest
//     of its neighbours have. So the last chunks double with every step
//     (Mundinger, Weber and Weiss, "Optimal scheduling of peer-to-peer file
//     dissemination", 2008), chunks spread beyond the first holder's
//     neighbours, and a leaver's duties are picked up.
//   - Offers are made ahead by time, not by count: as many as the uplink sends
//     while an offer and its answer travel, and two more.
//   - Nobody fills what a node has open or on its way while others can take
//     something: its downlink may be slow, or its answers late.
//   - What somebody is about to receive counts as received; but what was
//     promised by one that broke its word is not promised to others.
//   - Nobody is waited for: who owes a receipt, an answer or a chunk for too long
//     takes no place, is offered less and believed less, for longer each time.
//
// In the field's words: givers and takers are seeders and leechers, first
// copies are initial seeding, help is rarest first, and what Giver.Offer looks
// at is the availability of the chunks.
//
// Where to look: offer.go is the choice, and says what to check before it is
// changed; giver.go is what the choice knows, answers.go the way of an offer
// after it; uplink.go is the queue in front of the uplink and what is measured
// there; taker.go and reputation.go are the other half. Who draws on servers is
// roll.go, which chunks fall to whom shares.go, and draw.go what is asked for now.
package scheduler
