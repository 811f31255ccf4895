//go:build !linux && !darwin

package store_test

import (
	"errors"
	"testing"
)

func asUser(t *testing.T, _ string) { t.Skip("there is no other user to be on this system") }

func makePipe(string) error { return errors.ErrUnsupported }

func limitFiles() error { return errors.ErrUnsupported }
