package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"starmesh/common/fault"
	"starmesh/common/load"
)

// Exit statuses of the program.
const (
	Done   = 0 // what was asked for is done
	Failed = 1 // it could not be done, or not all of it
	Misuse = 2 // the command line is wrong; nothing was tried
)

// ErrReported is for a failure whose details have been printed already, such
// as one file of many: the program ends with Failed and says nothing more.
var ErrReported = errors.New("failed as reported")

// misuse is an error in the command line.
type misuse struct {
	command string // whose --help tells more
	err     error
}

func (m *misuse) Error() string { return m.err.Error() }
func (m *misuse) Unwrap() error { return m.err }

// Usage makes err an error in the command line of cmd, so that the program
// ends with Misuse and points at --help. Usage of nil is nil.
func Usage(cmd *cobra.Command, err error) error {
	var already *misuse
	if err == nil || errors.As(err, &already) {
		return err
	}
	return &misuse{command: cmd.CommandPath(), err: err}
}

// Usagef is Usage with an error of the given words.
func Usagef(cmd *cobra.Command, format string, args ...any) error {
	return Usage(cmd, fmt.Errorf(format, args...))
}

// Status returns the exit status that err calls for.
func Status(err error) int {
	var m *misuse
	switch {
	case err == nil:
		return Done
	case errors.As(err, &m):
		return Misuse
	default:
		return Failed
	}
}

// Kind names the kind of failure of err, for programs.
func Kind(err error) string {
	if Status(err) == Misuse {
		return "usage"
	}
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	code := fault.Code(err)
	if code == fault.Code(fault.Internal) && errors.Is(err, fs.ErrNotExist) {
		code = fault.Code(fault.NotFound) // a file here
	}
	for name, c := range fault.Codes() {
		if c == code {
			return name
		}
	}
	return fault.Internal.Error()
}

// Hint returns the line that follows an error in the command line, "" for
// others.
func Hint(err error) string {
	var m *misuse
	if !errors.As(err, &m) {
		return ""
	}
	return fmt.Sprintf("Try '%s --help'.", m.command)
}

// hints are the words for what a library says would help: in flags.
var hints = map[fault.Hint]string{
	fault.HintReplace:      "; --force replaces it",
	fault.HintReplaceAlien: ", or --force replaces it",
	fault.HintStartOver:    "; --force starts over",
	fault.HintLogin:        ": use --user and --password-file",
	fault.HintUser:         " (--user NAME)",
	fault.HintPlain:        ", or leave --tls out",
	fault.HintWritable:     " (its operator would start it with --writable)",
	fault.HintJoin:         ": 'starmesh peer get' takes it as --join, beside a file's name, id or ticket",
	fault.HintFind:         ": give --join or a ticket, or a longer --wait",
	fault.HintName:         ": choose a name with -o",
	fault.HintNetwork:      "; give --listen an address of the network",
	fault.HintOthers:       ": each should listen on the network (--listen)",
	fault.HintAnnounce:     "; if its router maps a port to it, say so with --announce",
	fault.HintFolder:       "; --collection gives its id",
	fault.HintMore:         "; --verbose lists more",
}

// OneLine puts the words of err, and of its hints, on one line: joined errors
// come on several, and a file name may hold anything. What is secret in an address
// is left out, whichever command was given it.
func OneLine(err error) string { return oneLine(err, hints) }

func oneLine(err error, hints map[fault.Hint]string) string {
	lines := strings.FieldsFunc(fault.Worded(err, hints), func(r rune) bool { return r == '\n' || r == '\r' })
	return load.Redacted(strings.Join(lines, "; "))
}
