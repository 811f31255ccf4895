package page

import "starmesh/cmd/internal/lab/tables"

// httpView sets HTTP beside the raw socket.
type httpView struct {
	Words []string
	Grid  tables.Grid
}

// http tells of scenes that were run over HTTP; nil if there is none.
func (p *Page) http() *httpView {
	grid, ok := tables.HTTPAgainstSocket(p.Scenes)
	if !ok {
		return nil
	}
	return &httpView{Words: tables.HTTPInWords(p.Scenes), Grid: grid}
}
