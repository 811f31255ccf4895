package faultinject

import (
	"fmt"
	"math"
	"strings"

	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
)

// inFlight is how many chunks may be lost with each break.
func (p *Plan) inFlight() int { return p.System.Costs.InFlight }

// Judge returns what came of each fault. verified is how many receivers hold the
// file, compared byte for byte; distribution is the distribution time, 0 if
// there is none.
func (c *Course) Judge(verified int, distribution float64) []labdir.Fault {
	all := c.Expected()
	for i, f := range c.faults {
		j := judgement{Fault: &all[i], Course: c, took: distribution}
		j.Met = true
		f.judge(&j, f)
		j.finished(verified)
		j.Found = strings.Join(j.found, " ")
	}
	return all
}

// judgement is about one fault.
type judgement struct {
	*labdir.Fault
	*Course
	took  float64 // the distribution time; 0: there is none
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

// finished checks that those have the file that are to have it.
func (j *judgement) finished(verified int) {
	expected := len(j.toFinish())
	if left := j.unfinished(); len(left) > 0 {
		j.wrong("%s did not get the file.", names(left))
		return
	}
	if verified < expected {
		j.wrong("only %d of %s right.", verified, units.Counted(expected, "file"))
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

// fetchedOnce checks that nothing verified was fetched again.
func (j *judgement) fetchedOnce() {
	chunk := int64(content.ChunkSize(j.FileBytes))
	var highest int64
	for _, name := range j.toFinish() {
		n := j.nodes[name]
		again := n.again + n.refetched()
		share := math.Ceil(j.System.Costs.Again * float64(j.FileBytes) / float64(chunk)) // chunks come whole
		allowed := int64(n.cuts*j.inFlight()+int(share)) * chunk
		if n.done != nil && again > allowed {
			j.wrong("%s received %s more than it needed; %s may have been in flight.", name, units.Bytes(again), units.Bytes(allowed))
		}
		highest = max(highest, again)
	}
	if highest == 0 {
		j.say("Nothing was fetched twice.")
	} else {
		j.say("At most %s (%.1f chunks) were fetched again by one receiver.", units.Bytes(highest), float64(highest)/float64(chunk))
	}
}

// startUp is what finding each other may take, in seconds, on a machine that
// has other things to do.
const startUp = 3.0
