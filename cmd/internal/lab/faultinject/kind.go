package faultinject

// A Kind is the name of one of the things that can go wrong.
type Kind string

// A kind is one of the things that can go wrong: how it is written, what nodes
// it makes, what it does, what is to be expected of it, and whether that came.
type kind struct {
	Kind
	form
	trait  trait
	origin bool // it hits the origin, and no receiver
	breaks bool // it breaks transfers off now and then, so that times say little
	// excuse says why a receiver that it hits need not get the file; nil, and
	// "": it is to get it.
	excuse func(p *Plan) string
	expect func(p *Plan, f Fault) string
	strike func(c *Course, f Fault) []Do // nil: it is there from the start
	judge  func(j *judgement, f Fault)
}

// trait is what a node is like from the start that a fault of a kind hits.
type trait struct {
	silent    bool    // it passes on nothing that is right
	misbehave string  // value of the flag that makes the program so; "": none does
	rates     float64 // times its rates; 0: they are as they are
}

// is reports whether the kind is told of as a trait of its nodes.
func (t trait) is() bool { return t != trait{} }

// kinds are all there are, in the order in which they are told of.
func kinds() []*kind {
	return []*kind{stopOrigin(), killReceivers(), churn(), freeRider(), liar(), slow(), slowAccept()}
}
