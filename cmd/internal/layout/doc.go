// Package layout holds no code, only tests: the shape of the repository, which
// package may import which, and how long functions and files may be. A rule
// that nothing checks is soon a memory.
package layout
