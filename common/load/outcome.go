package load

import (
	"context"
	"errors"
)

// outcomeOf names how something that returned err has ended: Done, Failed, or
// Interrupted when it was told to stop.
func outcomeOf(err error) string {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, context.Canceled):
		return Interrupted
	}
	return Failed
}
