// Package storetest is the suite that every store.File passes.
package storetest

import (
	"testing"

	"starmesh/common/content"
	"starmesh/common/store"
)

// Run checks the Files that open makes.
func Run(t *testing.T, open func(t *testing.T, list content.ChunkList) store.File) {}
