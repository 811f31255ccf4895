package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"starmesh/common/readable"

	"github.com/mattn/go-isatty"
	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// Mode is how a command tells of its work.
type Mode int

const (
	Plain    Mode = iota // on stderr, a line every ten seconds of what takes long
	Terminal             // on stderr, a moving bar
	Quiet                // nothing but errors
	JSON                 // on stdout, one JSON object a line
)

// Output is where a command tells people or programs how it goes. One bar is
// shown at a time. Its methods may be called from several goroutines.
type Output struct {
	out  io.Writer // results and JSON
	err  io.Writer // everything meant for people
	mode Mode
	more bool // --verbose

	mu  sync.Mutex // keeps lines whole and apart from the bar
	bar *Bar       // the one on the screen, if any
}

// NewOutput writes data and JSON to out and words for people to err.
func NewOutput(out, err io.Writer, mode Mode) *Output {
	return &Output{out: out, err: err, mode: mode}
}

// AddFlags gives cmd the flags that ForCommand reads.
func AddFlags(cmd *cobra.Command) {
	cmd.Flags().BoolP("quiet", "q", false, "say nothing but errors")
	cmd.Flags().Bool("json", false, "print one JSON object a line on standard output: progress, results, errors")
	cmd.Flags().BoolP("verbose", "v", false, "a line for each of many files; name all that is left out, not the first few")
	cmd.MarkFlagsMutuallyExclusive("quiet", "json")
}

// ForCommand returns the Output that the flags of cmd and its stderr call for.
func ForCommand(cmd *cobra.Command) *Output {
	mode := Plain
	switch {
	case flag(cmd, "json"):
		mode = JSON
	case flag(cmd, "quiet"):
		mode = Quiet
	case flag(cmd, "trace"): // its lines would tear a bar apart
		mode = Plain
	case isTerminal(cmd.ErrOrStderr()):
		mode = Terminal
	}
	o := NewOutput(cmd.OutOrStdout(), cmd.ErrOrStderr(), mode)
	o.more = flag(cmd, "verbose")
	return o
}

// DateLines puts the time of day before each line that cmd writes for people,
// if they are not on a terminal: whoever reads a log asks when.
func DateLines(cmd *cobra.Command) {
	if w := cmd.ErrOrStderr(); !isTerminal(w) {
		cmd.SetErr(dated{w})
	}
}

// dated is a log: each Write is a line.
type dated struct{ io.Writer }

func (d dated) Write(line []byte) (int, error) {
	_, err := fmt.Fprintf(d.Writer, "%s %s", time.Now().Format(time.DateTime), line)
	return len(line), err
}

func flag(cmd *cobra.Command, name string) bool {
	set, err := cmd.Flags().GetBool(name)
	return err == nil && set
}

// descriptor is what a file has, and Stdout.
type descriptor interface{ Fd() uintptr }

// Width returns how many columns w has; what is no terminal has 100.
func Width(w io.Writer) int {
	if f, ok := w.(descriptor); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 100
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(descriptor)
	return ok && isatty.IsTerminal(f.Fd()) && os.Getenv("TERM") != "dumb"
}

// Verbose returns whether all is to be named, not the first few.
func (o *Output) Verbose() bool { return o.more }

// Mode returns how o speaks.
func (o *Output) Mode() Mode { return o.mode }

// Lost returns whether nobody gets what is printed on stdout any more.
func (o *Output) Lost() bool {
	s, ok := o.out.(*Stdout)
	return ok && s.Err() != nil
}

// Note prints a line for people; nothing in the modes Quiet and JSON.
func (o *Output) Note(format string, args ...any) {
	if o.mode == Quiet || o.mode == JSON {
		return
	}
	o.say(fmt.Sprintf(format, args...))
}

// Warn prints a line for people in every mode, for what went wrong without
// ending the command.
func (o *Output) Warn(format string, args ...any) {
	o.say("starmesh: " + fmt.Sprintf(format, args...))
}

// Pinned returns what tells of a certificate that nobody vouches for, and which
// is believed from now on; in every mode if the password of a user follows.
func (o *Output) Pinned(user string) func(hostPort, fingerprint string) {
	return func(hostPort, fingerprint string) {
		text := hostPort + " is new: its certificate is remembered (sha256:" + fingerprint + "); compare it with the one that the server names"
		if user == "" {
			o.Note("%s", text)
			return
		}
		o.Warn("%s: whoever has it gets the password of %s now", text, user)
	}
}

// Result prints a line of data on stdout, for programs byte by byte.
func (o *Output) Result(line string) {
	if isTerminal(o.out) {
		line = readable.Lines(line)
	}
	o.line(o.out, line)
}

// say prints a line for people. Whatever strangers called their files, and
// whatever they answered, no terminal obeys it.
func (o *Output) say(text string) { o.line(o.err, readable.Lines(text)) }

func (o *Output) line(w io.Writer, text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.bar != nil {
		o.bar.show.clear()
	}
	fmt.Fprintln(w, text)
}

// Event prints {"event": name, …the fields of v} on stdout in the mode JSON
// and nothing in the others. v is a struct or map, or nil.
func (o *Output) Event(name string, v any) {
	if o.mode == JSON {
		o.line(o.out, EventLine(name, v))
	}
}

// EventLine encodes one event.
func EventLine(name string, v any) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"event":%q`, name)
	if v != nil {
		fields, err := json.Marshal(v)
		if err != nil || len(fields) < 2 || fields[0] != '{' {
			panic(fmt.Sprintf("cli: event %q is no JSON object: %v", name, err))
		}
		if len(fields) > 2 {
			b.WriteByte(',')
		}
		b.Write(fields[1:])
		return readable.JSON(b.String())
	}
	b.WriteByte('}')
	return b.String()
}

// Logger returns a logger for what an operator wants to know: lines on stderr,
// in the mode JSON events called "log", in the mode Quiet only errors.
func (o *Output) Logger() *slog.Logger {
	var options slog.HandlerOptions
	switch o.mode {
	case JSON:
		handler := slog.NewJSONHandler(lineWriter(func(line string) { o.line(o.out, readable.JSON(line)) }), nil)
		return slog.New(handler.WithAttrs([]slog.Attr{slog.String("event", "log")}))
	case Quiet:
		options.Level = slog.LevelError
	}
	if _, ok := o.err.(dated); ok {
		options.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey && len(groups) == 0 {
				return slog.Attr{} // the line has it already
			}
			return a
		}
	}
	return slog.New(slog.NewTextHandler(lineWriter(o.say), &options))
}

// Lines returns a writer to stderr that keeps lines, one each Write, apart from
// the bar.
func (o *Output) Lines() io.Writer { return lineWriter(o.say) }

// lineWriter prints what is written, one line each Write.
type lineWriter func(line string)

func (print lineWriter) Write(p []byte) (int, error) {
	print(strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// Waiting tells that nothing moves for now, why, and when the next try is.
func (o *Output) Waiting(name string, why error, after time.Duration) {
	o.Note("%s: %s; trying again in %s", name, OneLine(why), after.Round(time.Second/10))
	o.Event("waiting", struct {
		Name  string  `json:"name"`
		Why   string  `json:"why"`
		After float64 `json:"retry_in_seconds"`
	}{name, OneLine(why), after.Seconds()})
}
