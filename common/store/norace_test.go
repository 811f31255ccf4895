//go:build !race

package store_test

// slow tells that this build runs many times slower than the program does.
const slow = false
