package predict

import (
	"fmt"
	"math"

	"starmesh/cmd/internal/lab/system"
	"starmesh/cmd/internal/units"
	"starmesh/common/content"
)

// advice says in words which system to take.
func (q *Question) advice(p *Plan) []string {
	var all []string
	for _, r := range p.Rows {
		all = append(all, q.adviceFor(r))
	}
	switch {
	case p.Crossover == 0:
		all = append(all, fmt.Sprintf("The star is as good as the mesh for any number of receivers up to %d%s.", p.Searched, q.whyNever()))
	case p.Crossover == 1:
		all = append(all, "The mesh is sooner from the first receiver on.")
	default:
		all = append(all, fmt.Sprintf("The mesh is sooner, by 5 %% or more, from %d receivers on; below that take the star, which is simpler.", p.Crossover))
	}
	return all
}

func (q *Question) adviceFor(r Row) string {
	star, mesh := r.Star.ExpectedSeconds, r.Mesh.ExpectedSeconds
	who := fmt.Sprintf("%d receivers", r.Receivers)
	if r.Receivers == 1 {
		who = "1 receiver"
	}
	sends := fmt.Sprintf("the origin sends about %s rather than %s", units.Bytes(int64(r.Mesh.OriginBytes)), units.Bytes(int64(r.Star.OriginBytes)))
	switch {
	case r.sooner():
		return fmt.Sprintf("For %s: the mesh, about %s instead of %s, %.1f times as fast; %s.", who, units.Seconds(mesh), units.Seconds(star), star/mesh, sends)
	case star < worthwhile*mesh:
		return fmt.Sprintf("For %s: the star, about %s instead of %s.", who, units.Seconds(star), units.Seconds(mesh))
	case r.Receivers == 1:
		return fmt.Sprintf("For %s: the star, which is simpler; both take about %s.", who, units.Seconds(star))
	case r.Star.SetBy == system.ByDownlink:
		return fmt.Sprintf("For %s: the star, which is simpler; both take about %s, because the receivers' downlinks decide. To spare the server, the mesh: %s.",
			who, units.Seconds(star), sends)
	}
	return fmt.Sprintf("For %s: either; both take about %s. The star is simpler; with the mesh %s.", who, units.Seconds(star), sends)
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

// caveats tell where the model does not hold for this question.
func (q *Question) caveats(p *Plan) []string {
	all := []string{
		"The model knows links alone: no latency, no loss, no CPU, no disks. It supposes that all receivers begin together and that those of a mesh stay until the last one is done.",
	}
	assumed, shortest, most := false, math.Inf(1), 0
	for _, r := range p.Rows {
		assumed = assumed || !r.Star.Multiple.Measured || !r.Mesh.Multiple.Measured
		shortest = min(shortest, r.Star.ExpectedSeconds, r.Mesh.ExpectedSeconds)
		most = max(most, r.Receivers)
	}
	if assumed {
		all = append(all, "Expected times rest on assumed multiples of the bound, where it says so; measure on your machines and give the results with --from.")
	}
	for _, r := range p.Rows {
		for i, at := range []int{r.Star.Multiple.At, r.Mesh.Multiple.At} {
			if at > 0 && (r.Receivers > 2*at || at > 2*r.Receivers) {
				all = append(all, fmt.Sprintf("For %d receivers the %s's time is taken from runs with %d: farther than measurements reach.",
					r.Receivers, []string{"star", "mesh"}[i], at))
			}
		}
	}
	if shortest < 2 {
		all = append(all, fmt.Sprintf("Times as short as %s are decided by starting up, finding each other and round trips, which the model leaves out: expect up to a second more, and the star to be ahead.", units.Seconds(shortest)))
	}
	if p.Chunks < 2*most {
		all = append(all, fmt.Sprintf("The file has only %d chunks (of %s): a mesh of %d receivers cannot keep all uplinks busy, and takes longer than expected here.",
			p.Chunks, units.Bytes(min(q.FileBytes, int64(content.ChunkSize(q.FileBytes)))), most))
	}
	const gigabit = 1e9 / 8
	if q.OriginUp >= 5*gigabit {
		all = append(all, "At 5 Gbit/s and more CPU and disks are often the limit, not the link.")
	}
	const held = 12000 // by central serve
	if most > held {
		all = append(all, fmt.Sprintf("A server holds %d connections unless told otherwise (--max-conns).", held))
	}
	return all
}
