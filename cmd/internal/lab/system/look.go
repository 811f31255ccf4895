package system

// A Look is how a system is drawn.
type Look struct {
	Light, Dark string // its colour on white and on black paper: #rrggbb
	Mark        Mark
}

// A Mark is what stands at the points of a line: who cannot tell colours apart
// sees it by that.
type Mark int

// The marks.
const (
	NoMark Mark = iota
	Disc
	Square
	Triangle
	Diamond
	Cross
)
