package faultinject

import (
	"fmt"
	"slices"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
	"starmesh/common/readable"
)

// MaxWrong is how many chunks a node of the mesh takes from one that has not
// brought anything right yet: as many may be on their way when the first is
// found wrong. It is the mesh's scheduler.MaxUnproven, which a test beside the
// program's commands holds.
const MaxWrong = 6

// inFlight is how many chunks may be lost with each break.
func (p *Plan) inFlight() int { return p.System.Costs.InFlight }

// Judge tells what came of each fault. verified is how many receivers hold the
// file, compared byte for byte; distribution is the distribution time, 0 if
// there is none.
func (c *Course) Judge(verified int, distribution float64) []labdir.Fault {
	all := c.Expected()
	for i, f := range c.faults {
		j := judgement{Fault: &all[i], Course: c}
		j.Met = true
		j.judge(f, distribution)
		j.finished(verified)
		j.Found = strings.Join(j.found, " ")
	}
	return all
}

// judgement is about one fault.
type judgement struct {
	*labdir.Fault
	*Course
	found []string
}

func (j *judgement) say(format string, args ...any) {
	j.found = append(j.found, fmt.Sprintf(format, args...))
}

// wrong says what is not as expected.
func (j *judgement) wrong(format string, args ...any) {
	j.Met = false
	j.say("Not as expected: "+format, args...)
}

func (j *judgement) judge(f Fault, distribution float64) {
	switch f.Kind {
	case StopOrigin:
		j.outage()
	case KillReceivers:
		j.Seconds = j.killed
		if j.killed == nil {
			j.wrong("it was over before anybody could be killed; take a larger file or slower links.")
		} else {
			j.say("%s killed at %s.", areIn(j.Nodes), seconds(*j.killed))
		}
	case Churn:
		j.churned(f)
	case FreeRider:
		j.freeRiders(distribution)
	case Liar:
		j.liars()
	case Slow:
		j.slow()
	}
}

// finished checks that those have the file that are to have it.
func (j *judgement) finished(verified int) {
	expected := len(j.toFinish())
	if left := j.unfinished(); len(left) > 0 {
		j.wrong("%s did not get the file.", names(left))
		return
	}
	if verified < expected {
		j.wrong("only %d of %d files are right.", verified, expected)
		return
	}
	who := "All receivers"
	switch {
	case expected == 1 && len(j.Receivers) > 1:
		who = "The other"
	case expected < len(j.Receivers):
		who = fmt.Sprintf("All %d others", expected)
	}
	j.say("%s got the file, verified.", who)
}

func (j *judgement) outage() {
	o := j.Course.origin
	j.Seconds = o.at
	if o.at == nil || o.stage == stopping {
		j.wrong("it was over before %s could be stopped; take a larger file or slower links.", j.Plan.origin())
		return
	}
	j.say("%s stopped at %s, with %s of all bytes arrived.", sentence(j.Plan.origin()), seconds(*o.at), percent(o.share))
	switch {
	case j.System.Relays && o.stood == 0:
		if o.out < 1 {
			j.say("The last missing chunks were on their way just then.")
		}
		j.say("Every chunk was out, and all finished without it.")
	case j.System.Relays:
		j.say("%s of the chunks were out; the others existed nowhere else.", percent(o.out))
		if o.out >= 1 {
			j.wrong("nobody needed %s any more, yet they stood still.", j.Plan.origin())
		} else if o.least < 1 && !j.asked(Churn) {
			j.wrong("one receiver had only %s of what was out when all stood still.", percent(o.least))
		} else if o.least == 1 {
			j.say("Each receiver got all of these, and then all stood still.")
		}
		j.say("%s came back at %s.", sentence(j.Plan.origin()), seconds(o.stood))
	case o.stood == 0:
		j.wrong("the %s finished without %s.", j.System.Nodes.Receivers, j.Plan.origin())
	default:
		j.say("All %s stood still and kept what they had. It came back at %s, and they went on.", j.System.Nodes.Receivers, seconds(o.stood))
	}
	j.fetchedOnce()
}

// fetchedOnce checks that nothing verified was fetched again.
func (j *judgement) fetchedOnce() {
	chunk := int64(content.ChunkSize(j.FileBytes))
	var most int64
	for _, name := range j.toFinish() {
		n := j.nodes[name]
		again := n.again + n.refetched()
		allowed := int64(n.cuts*j.inFlight())*chunk + int64(j.System.Costs.Again*float64(j.FileBytes))
		if n.done != nil && again > allowed {
			j.wrong("%s received %s more than it needed; %s may have been in flight.", name, units.Bytes(again), units.Bytes(allowed))
		}
		most = max(most, again)
	}
	if most == 0 {
		j.say("Nothing was fetched twice.")
	} else {
		j.say("At most %s (%.1f chunks) were fetched again by one receiver.", units.Bytes(most), float64(most)/float64(chunk))
	}
}

func (j *judgement) churned(f Fault) {
	j.Nodes, j.Seconds = j.churn, j.first
	if j.churns == 0 {
		j.wrong("it was over before %v had passed; take a larger file, slower links or a shorter time.", f.Every)
		return
	}
	j.say("%d times a receiver was killed and started again (%s).", j.churns, names(j.churn))
	j.fetchedOnce()
}

func (j *judgement) freeRiders(distribution float64) {
	var gave []string
	for _, name := range j.Nodes {
		if j.nodes[name].OutBytes > 0 {
			gave = append(gave, name)
		}
	}
	if len(gave) > 0 {
		j.wrong("%s gave something.", names(gave))
	} else {
		j.say("They gave nothing.")
	}
	bound := j.Bound().Seconds
	if !j.System.Relays || bound == 0 || distribution == 0 {
		return
	}
	j.say("It took %s, %.2f times the bound.", seconds(distribution), distribution/bound)
	if !j.disturbed() && distribution > 2*bound+startUp {
		j.wrong("that is more than twice the bound.")
	}
}

// startUp is what finding each other may take, in seconds, on a machine that
// has other things to do.
const startUp = 3.0

func (j *judgement) liars() {
	bad := j.Course.wrong()
	if !j.System.Relays {
		if bad > 0 {
			j.wrong("%d wrong chunks arrived.", bad)
		} else {
			j.say("No wrong chunk arrived.")
		}
		return
	}
	most := int64(MaxWrong * len(j.Nodes) * (len(j.Receivers) - 1) * (1 + j.churns))
	switch {
	case bad == 0:
		j.wrong("they gave nobody anything, so there was nothing to find out.")
	case bad > most:
		j.wrong("%d wrong chunks arrived, more than %d: they were not cut off.", bad, most)
	default:
		j.say("%d wrong chunks arrived, were found out and thrown away; those who sent them were cut off.", bad)
	}
}

func (j *judgement) slow() {
	others := j.others()
	if j.Bound().Seconds == 0 || len(others) == 0 || len(j.unfinished()) > 0 {
		return
	}
	last := func(all []string) (t float64) {
		for _, name := range all {
			t = max(t, *j.nodes[name].done)
		}
		return t
	}
	fast, slow := last(others), last(slices.DeleteFunc(slices.Clone(j.Nodes), func(n string) bool { return j.nodes[n].done == nil }))
	j.say("The others had the file at %s, the slow at %s.", seconds(fast), seconds(slow))
	// Half-way between the bounds is where waiting would begin to show.
	if limit := (j.Bound().Seconds + j.bound(Slow, Liar, KillReceivers).Seconds) / 2; j.apart() && fast > limit {
		j.wrong("the others were held back: they were to have it by %s.", seconds(limit))
	}
}

// areIn puts the nodes at the beginning of a sentence in the past.
func areIn(nodes []string) string {
	if len(nodes) == 1 {
		return nodes[0] + " was"
	}
	return names(nodes) + " were"
}

// names lists some nodes: peer-1, peer-2 and 3 more.
func names(all []string) string {
	return readable.List(all, 6)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
