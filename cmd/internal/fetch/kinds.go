package fetch

import (
	"strings"

	"starmesh/central"
	"starmesh/common/content"
	"starmesh/common/fault"
	"starmesh/common/load"
)

// kind is what an argument looks like.
type kind int

const (
	aName   kind = iota // of a file, a host, or whatever else
	aServer             // scheme://host, ours or any
	aTicket             // mesh:…
	aNode               // a multiaddr
	anID                // of a file, or of a folder, with a path in it or without
)

// kindOf tells kinds of arguments apart, the same for every command.
func kindOf(arg string) kind {
	arg = strings.TrimSpace(arg)
	head, _, _ := strings.Cut(arg, "/")
	_, err := content.ParseID(strings.ToLower(head))
	switch protocol, _, _ := strings.Cut(strings.TrimPrefix(arg, "/"), "/"); {
	case strings.Contains(arg, "://"):
		return aServer
	case strings.HasPrefix(arg, "mesh:"):
		return aTicket
	case arg != protocol && arg[0] == '/' && (strings.HasPrefix(protocol, "ip") || strings.HasPrefix(protocol, "dns") || protocol == "p2p"):
		return aNode
	case err == nil:
		return anID
	}
	return aName
}

// ServerAddress reads the address of a server. Of what is something else it says
// what that is, and which command takes it.
func ServerAddress(arg string) (central.Address, error) {
	what := ""
	switch kindOf(arg) {
	case aTicket:
		what = "a ticket of a mesh: use 'starmesh peer get'"
	case aNode:
		return central.Address{}, isNode(arg)
	case anID:
		what = "the id of a file: the address of a server comes before it"
	default:
		return central.ParseAddress(arg)
	}
	return central.Address{}, fault.Wrapf(fault.Invalid, "%.200q is %s", load.WithoutPassword(arg), what)
}

// isNode refuses a node's address where another thing is due.
func isNode(arg string) error {
	return fault.Advise(fault.Wrapf(fault.Invalid, "%.200q is the address of a node", load.WithoutPassword(arg)), fault.HintJoin)
}
