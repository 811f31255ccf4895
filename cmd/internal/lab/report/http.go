package report

// httpView sets HTTP beside the raw socket.
type httpView struct {
	Words []string
	Grid  Grid
}

// http tells of scenes that were run over HTTP; nil if there is none.
func (p *Page) http() *httpView {
	grid, ok := HTTPAgainstSocket(p.Scenes)
	if !ok {
		return nil
	}
	return &httpView{Words: HTTPInWords(p.Scenes), Grid: grid}
}
