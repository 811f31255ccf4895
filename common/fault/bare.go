package fault

import (
	"errors"
	"io/fs"
	"os"
)

// Bare returns what the system says is wrong with a file, without the call and
// the names used in it; an error of another kind, and nil, as they are.
func Bare(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}
