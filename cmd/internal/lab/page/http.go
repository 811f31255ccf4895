package page

import (
	"fmt"

	"starmesh/cmd/internal/lab/comparison"
	"starmesh/cmd/internal/lab/figures"
	"starmesh/cmd/internal/lab/tables"
)

// httpView sets HTTP beside the raw socket.
type httpView struct {
	Words []string
	Grids []tables.Grid
}

// httpKeys are the figures that differ between the two, as far as they are
// known.
func httpKeys() []figures.Key {
	return []figures.Key{
		figures.Distribution, figures.Overhead, figures.OverheadPerChunk, figures.CPUPerGiB, figures.OriginCPUPerGiB,
		figures.OriginConnsTotal, figures.OriginConnections,
	}
}

// http tells of scenes in which both were tried; nil if there is none.
func (p *Page) http() *httpView {
	v := &httpView{}
	for i := range p.Scenes {
		scene := &p.Scenes[i]
		star := first(scene, "star")
		kept, closing := first(scene, "http"), first(scene, "http-close")
		if star == nil || kept == nil && closing == nil {
			continue
		}
		v.Words = append(v.Words, httpWords(scene, star, kept, closing))
		v.Grids = append(v.Grids, httpGrid(scene))
	}
	if len(v.Grids) == 0 {
		return nil
	}
	return v
}

// httpGrid is the table of a scene with only what matters here.
func httpGrid(scene *comparison.Scene) tables.Grid {
	var some comparison.Scene
	some.Receivers, some.FileBytes = scene.Receivers, scene.FileBytes
	for _, s := range scene.Series {
		if s.System == "mesh" {
			continue
		}
		var kept []comparison.Spread
		for _, key := range httpKeys() {
			if f := s.Get(key); f != nil {
				kept = append(kept, *f)
			}
		}
		s.Spreads = kept
		some.Series = append(some.Series, s)
	}
	g := tables.Of(&some)
	g.Notes = nil // they are below the table of the scene
	return g
}

// httpWords says it in a sentence.
func httpWords(scene *comparison.Scene, star *comparison.Series, others ...*comparison.Series) string {
	overhead := func(s *comparison.Series) string {
		f := s.Get(figures.Overhead)
		if f == nil || f.Median == nil {
			return "an unknown overhead"
		}
		return tables.Value(*f.Median, figures.Share) + " overhead"
	}
	time := func(s *comparison.Series) string {
		text, _, ok := took(s)
		if !ok {
			return "did not bring it to everyone"
		}
		return "took " + text
	}
	text := fmt.Sprintf("To %s, the raw socket %s with %s", receivers(scene.Receivers), time(star), overhead(star))
	for _, s := range others {
		if s != nil {
			text += fmt.Sprintf("; %s %s with %s", called(s), time(s), overhead(s))
		}
	}
	return text + "."
}
