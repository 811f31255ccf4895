package scheduler

// Promised counts the chunks that this node holds and has still to bring to
// neighbours: those that they accepted, and those on their way.
func (g *Giver) Promised() int {
	n := len(g.queue.sending)
	for _, w := range g.queue.waiting {
		if g.have.Has(w.Chunk) {
			n++
		}
	}
	return n
}
