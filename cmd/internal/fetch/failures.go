package fetch

import (
	"errors"
	"fmt"
	"sync"

	"starmesh/common/fault"
	"starmesh/common/readable"
)

// failures are kept of single files of many, while the others are gone on with.
// The zero value has none; it may be used from several goroutines.
type failures struct {
	mu   sync.Mutex // guards errs
	errs []error
}

// take keeps err if it is about one file only, such as one that may not be read
// or is in the way. Any other would meet the next file too: that is returned.
func (f *failures) take(err error) error {
	for _, kind := range []error{
		fault.NotFound, fault.Refused, fault.Invalid, fault.Exists, fault.InUse, fault.TooLarge, fault.Changed,
	} {
		if errors.Is(err, kind) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.errs = append(f.errs, err)
			return nil
		}
	}
	return err
}

// err names what failed of so many files; nil if nothing did.
func (f *failures) err(of int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case len(f.errs) == 0:
		return nil
	case of == 1:
		return f.errs[0]
	default:
		return &someFailed{of, f.errs}
	}
}

// someFailed is the end of what failed for some files of many.
type someFailed struct {
	of   int
	errs []error
}

func (e *someFailed) Unwrap() []error { return e.errs }
func (e *someFailed) Error() string {
	const few = 10
	var texts []string
	for _, err := range e.errs {
		texts = append(texts, err.Error())
	}
	return fmt.Sprintf("%d of %d files failed: %s", len(e.errs), e.of, readable.Join(texts, few, "; "))
}
