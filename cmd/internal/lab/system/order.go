package system

import (
	"cmp"
	"slices"
	"strings"
)

// Compare orders the names of systems: star, http, http-close, mesh, others.
func Compare(a, b string) int {
	order := []string{"star", "http", "http-close", "mesh"}
	place := func(s string) int {
		if i := slices.Index(order, s); i >= 0 {
			return i
		}
		return len(order)
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a, b))
}
