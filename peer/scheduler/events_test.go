package scheduler_test

import "container/heap"

// step lets the next event happen.
func (s *sim) step() {
	e := heap.Pop(&s.events).(event)
	s.now = e.at
	e.do()
}

// after lets something happen d later.
func (s *sim) after(d float64, do func()) {
	s.count++
	heap.Push(&s.events, event{at: s.now + d, order: s.count, do: do})
}

type event struct {
	at    float64
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if e[i].at != e[j].at {
		return e[i].at < e[j].at
	}
	return e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}
