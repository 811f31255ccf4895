package fault

import (
	"strings"
)

// A Hint names what would help after a failure. A library knows what would,
// but not what its user would have to type: the program words it (Worded).
type Hint string

// What would help, and with what words it is said in a sentence of whom.
const (
	HintReplace      Hint = "replace"       // replace the file that is there
	HintReplaceAlien Hint = "replace alien" // the same, of a file that is not ours
	HintStartOver    Hint = "start over"    // forget what was begun
	HintLogin        Hint = "login"         // give user name and password beside the address
	HintUser         Hint = "user"          // name a user
	HintPlain        Hint = "plain"         // do without TLS
	HintWritable     Hint = "writable"      // the server's operator would allow writing
	HintPrivileged   Hint = "privileged"    // listen at a port that needs no privileges
	HintTaken        Hint = "taken"         // listen at another port than another program
	HintEveryAddress Hint = "every address" // listen at all addresses of this machine
	HintJoin         Hint = "join"          // it names a node, beside what is fetched
	HintFind         Hint = "find"          // name a node of the mesh, or look for them longer
	HintName         Hint = "name"          // choose another name for the file
	HintNetwork      Hint = "network"       // listen on the network
	HintOthers       Hint = "others"        // have the others listen on the network
	HintAnnounce     Hint = "announce"      // name an address that a router maps to this machine
	HintFolder       Hint = "folder"        // ask for the id of a folder
	HintMore         Hint = "more"          // have more told
)

// Advise attaches a hint to err, whose text stays as it is.
func Advise(err error, hint Hint) error { return &advisedError{err: err, hint: hint} }

type advisedError struct {
	err  error
	hint Hint
}

func (e *advisedError) Error() string { return e.err.Error() }
func (e *advisedError) Unwrap() error { return e.err }

// Worded returns the text of err with the words for each hint in it put behind
// what the hint was attached to. What is not among words is not worded.
func Worded(err error, words map[Hint]string) string {
	text := err.Error()
	for _, e := range advised(err, nil) {
		said := e.Error()
		hint := words[e.hint]
		// Another program, of an older version, may have worded it already.
		if hint != "" && !strings.Contains(text, said+hint) && !strings.HasSuffix(said, hint) {
			text = strings.Replace(text, said, said+hint, 1)
		}
	}
	return text
}

// HintOf returns the first hint in err, "" when there is none.
func HintOf(err error) Hint {
	for _, e := range advised(err, nil) {
		return e.hint
	}
	return ""
}

// advised appends what has a hint in the tree of err to found.
func advised(err error, found []*advisedError) []*advisedError {
	if e, ok := err.(*advisedError); ok {
		found = append(found, e)
	}
	switch e := err.(type) {
	case words:
		return advised(e.err, found)
	case interface{ Unwrap() error }:
		return advised(e.Unwrap(), found)
	case interface{ Unwrap() []error }:
		for _, inner := range e.Unwrap() {
			found = advised(inner, found)
		}
	}
	return found
}
