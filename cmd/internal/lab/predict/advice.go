package predict

import (
	"fmt"
	"math"
	"slices"

	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
)

// advice says in words which system to take.
func (q *Question) advice(p *Plan) []string {
	var all []string
	for _, r := range p.Rows {
		all = append(all, adviceFor(r))
	}
	hub, relay := named(p.Rows[0])
	switch {
	case p.Crossover == 0:
		all = append(all, fmt.Sprintf("%s is as good as %s for any number of receivers up to %d%s.", units.Capital(hub), relay, p.Searched, q.whyNever()))
	case p.Crossover == 1:
		all = append(all, units.Capital(relay)+" is sooner from the first receiver on.")
	default:
		all = append(all, fmt.Sprintf("%s is sooner, by 5 %% or more, from %d receivers on; below that take %s, which is simpler.", units.Capital(relay), p.Crossover, hub))
	}
	return all
}

// named are the two systems in a sentence.
func named(r Row) (hub, relay string) { return r.Hub.System.Words.Called, r.Relay.System.Words.Called }

func adviceFor(r Row) string {
	a, b := named(r)
	hub, relay := r.Hub.ExpectedSeconds, r.Relay.ExpectedSeconds
	who := units.Counted(r.Receivers, "receiver")
	sends := fmt.Sprintf("the origin sends about %s rather than %s", units.Bytes(int64(r.Relay.OriginBytes)), units.Bytes(int64(r.Hub.OriginBytes)))
	switch {
	case r.sooner():
		return fmt.Sprintf("For %s: %s, about %s instead of %s, %.1f times as fast; %s.", who, b, units.Measured(relay), units.Measured(hub), hub/relay, sends)
	case hub < worthwhile*relay:
		return fmt.Sprintf("For %s: %s, about %s instead of %s.", who, a, units.Measured(hub), units.Measured(relay))
	case r.Receivers == 1:
		return fmt.Sprintf("For %s: %s, which is simpler; both take about %s.", who, a, units.Measured(hub))
	case r.Hub.SetBy == system.ByDownlink:
		spare := fmt.Sprintf(" To spare the server, %s: %s.", b, sends)
		if r.Relay.OriginBytes > 0.9*r.Hub.OriginBytes {
			spare = " Nor is the server spared: those uplinks carry next to nothing."
		}
		return fmt.Sprintf("For %s: %s, which is simpler; both take about %s, because the receivers' downlinks decide.%s", who, a, units.Measured(hub), spare)
	}
	return fmt.Sprintf("For %s: either; both take about %s. %s is simpler; with %s %s.", who, units.Measured(hub), units.Capital(a), b, sends)
}

func (q *Question) whyNever() string {
	switch {
	case q.Up == 0:
		return ": receivers without an uplink pass nothing on"
	case math.IsInf(q.OriginUp, 1):
		return ": the origin's uplink has no limit"
	}
	return ""
}

const (
	startUp = 1.0 // seconds until a mesh is under way, which no bound knows
	tried   = 32  // receivers, in the runs from which multiples are assumed
)

// ServerConns is how many connections 'central serve' holds unless told
// otherwise, which a test beside that command holds.
const ServerConns = 12000

// unmeasured says which times are assumed, or taken from runs with far more or
// fewer receivers.
func (p *Plan) unmeasured(largest int) (all []string) {
	if slices.ContainsFunc(p.Rows, func(r Row) bool { return !r.Hub.Multiple.Measured || !r.Relay.Multiple.Measured }) {
		all = append(all, "Expected times rest on assumed multiples of the bound, where it says so; measure on your machines and give the results with --from.")
		if largest > tried {
			all = append(all, fmt.Sprintf("The assumed multiples are those of runs with up to %d receivers: nobody has measured %d.", tried, largest))
		}
	}
	for _, r := range p.Rows {
		for _, side := range []Side{r.Hub, r.Relay} {
			if at := side.Multiple.At; at > 0 && (r.Receivers > 2*at || at > 2*r.Receivers) {
				all = append(all, fmt.Sprintf("For %s %s's time is taken from runs with %d: farther than measurements reach.",
					units.Counted(r.Receivers, "receiver"), side.System.Words.Called, at))
			}
		}
	}
	return all
}

// caveats tell where the model does not hold for this question.
func (q *Question) caveats(p *Plan) []string {
	hub, relay := p.Rows[0].Hub.System, p.Rows[0].Relay.System
	all := []string{
		"The model knows links alone: no latency, no loss, no CPU, no disks. It supposes that all receivers begin together and that those of a " + relay.Name + " stay until the last one is done.",
	}
	shortest, largest := math.Inf(1), 0
	near := "" // where start-up can turn the order round
	for _, r := range p.Rows {
		shortest = min(shortest, r.Hub.ExpectedSeconds, r.Relay.ExpectedSeconds)
		largest = max(largest, r.Receivers)
		if math.Abs(r.Hub.ExpectedSeconds-r.Relay.ExpectedSeconds) < startUp {
			near = fmt.Sprintf(", and %s to be ahead where the two are closer than that", hub.Words.Called)
		}
	}
	all = append(all, p.unmeasured(largest)...)
	if shortest < 2*startUp {
		all = append(all, fmt.Sprintf("Times as short as %s are decided by starting up, finding each other and round trips, which the model leaves out: expect up to a second more%s.", units.Measured(shortest), near))
	}
	if p.Chunks < 2*largest {
		all = append(all, fmt.Sprintf("The file has only %s (of %s): a %s of %d receivers cannot keep all uplinks busy, and takes longer than expected here.",
			units.Counted(p.Chunks, "chunk"), units.Bytes(min(q.FileBytes, int64(content.ChunkSize(q.FileBytes)))), relay.Name, largest))
	}
	const gigabit = 1e9 / 8
	if q.OriginUp >= 5*gigabit {
		all = append(all, "At 5 Gbit/s and more CPU and disks are often the limit, not the link.")
	}
	if largest > ServerConns {
		all = append(all, fmt.Sprintf("A server holds %d connections unless told otherwise (--max-conns).", ServerConns))
	}
	return all
}
