package scenario

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
)

// A Rate is the access link of a node in bytes per second; 0 is no limit.
type Rate struct{ Up, Down float64 }

// Rates are the access links of all nodes.
type Rates struct {
	Origin, Receiver Rate
	// Profile has exceptions; of several for a node the last one counts.
	Profile []Exception
}

// An Exception is what the nodes From to To have instead; the origin is 0.
type Exception struct {
	From, To int
	Rate
}

// Of returns the link of node i; 0 is the origin, receivers follow from 1.
func (r *Rates) Of(i int) Rate {
	for k := len(r.Profile) - 1; k >= 0; k-- {
		if e := r.Profile[k]; e.From <= i && i <= e.To {
			return e.Rate
		}
	}
	if i == 0 {
		return r.Origin
	}
	return r.Receiver
}

func (r *Rates) links(receivers int) system.Links {
	l := system.Links{Origin: limit(r.Of(0).Up)}
	for i := 1; i <= receivers; i++ {
		l.Up = append(l.Up, limit(r.Of(i).Up))
		l.Down = append(l.Down, limit(r.Of(i).Down))
	}
	return l
}

// Limits is the link with +Inf for what has no limit.
func (r Rate) Limits() Rate { return Rate{limit(r.Up), limit(r.Down)} }

func limit(rate float64) float64 {
	if rate == 0 {
		return math.Inf(1)
	}
	return rate
}

// minRate is the slowest link that is taken for one, in bytes per second: below
// it a chunk takes minutes.
const minRate = 1000

func (r *Rates) check(receivers int) error {
	for i := 0; i <= receivers; i++ {
		rate := r.Of(i)
		for _, v := range []float64{rate.Up, rate.Down} {
			if v < 0 || v > 0 && v < minRate {
				return fault.Wrapf(fault.Invalid, "node %d has a link of %s: 8kbit is the least", i, units.Rate(v))
			}
		}
	}
	for _, e := range r.Profile {
		if e.From > receivers {
			return fault.Wrapf(fault.Invalid, "the profile has a rate for receiver %d, but there are never more than %d", e.From, receivers)
		}
	}
	return nil
}

// ParseProfile reads rates of single nodes, one line each:
//
//	# NODES  UP       DOWN
//	origin   50mbit   100mbit
//	1-4      5mbit    40mbit
//	5        1mbit    none
//	6-       20mbit   100mbit
//
// NODES is origin, a receiver, a range of receivers, or a range without an end.
// Of several lines for a node the last counts; nodes that are in none have the
// rates of all.
func ParseProfile(r io.Reader) ([]Exception, error) {
	var all []Exception
	scanner := bufio.NewScanner(r)
	for number := 1; scanner.Scan(); number++ {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		e, err := parseException(fields)
		if err != nil {
			return nil, fault.Wrapf(fault.Invalid, "line %d: %w", number, err)
		}
		all = append(all, e)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("cannot read the profile: %w", err)
	}
	return all, nil
}

func parseException(fields []string) (e Exception, err error) {
	if len(fields) != 3 {
		return e, fmt.Errorf("%q has %d parts, not 3: NODES UP DOWN, as in 1-4 5mbit 40mbit", strings.Join(fields, " "), len(fields))
	}
	if e.From, e.To, err = parseNodes(fields[0]); err != nil {
		return e, err
	}
	if e.Up, err = units.ParseRate(fields[1]); err != nil {
		return e, err
	}
	e.Down, err = units.ParseRate(fields[2])
	return e, err
}

func parseNodes(text string) (from, to int, err error) {
	if text == "origin" {
		return 0, 0, nil
	}
	first, last, ranged := strings.Cut(text, "-")
	from, err = strconv.Atoi(first)
	switch {
	case !ranged:
		to = from
	case last == "":
		to = maxReceivers
	default:
		var wrong error
		to, wrong = strconv.Atoi(last)
		err = errors.Join(err, wrong)
	}
	if err != nil || from < 1 || to < from {
		return 0, 0, fmt.Errorf("%q names no nodes: origin, 3, 1-4 or 5-", text)
	}
	return from, to, nil
}
