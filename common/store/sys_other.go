//go:build !linux && !darwin && !windows

package store

import (
	"errors"
	"io/fs"
	"os"
)

// What these systems offer is not used: files are not locked against a second
// process, space is not reserved, and the last writes before a restart are
// verified again.

func lockFile(*os.File) (busy bool, err error)            { return false, errors.ErrUnsupported }
func inodeOf(fs.FileInfo) uint64                          { return 0 }
func allocated(info fs.FileInfo) int64                    { return info.Size() }
func syncData(f *os.File) error                           { return f.Sync() }
func allocate(*os.File, int64) (reserved bool, err error) { return false, nil }
func freeSpace(*os.File) (free int64, known bool)         { return 0, false }
func bootID() string                                      { return "" }
func descriptorLimit() (limit uint64, known bool)         { return 0, false }
func isNoSpace(error) bool                                { return false }
func isOutOfFiles(error) bool                             { return false }
func isReadOnly(error) bool                               { return false }
func isTooLarge(error) bool                               { return false }
func isNotFolder(error) bool                              { return false }
