package load

import (
	"regexp"
	"strconv"
	"strings"
)

const hidden = "***"

var (
	secretFlag = regexp.MustCompile(`(?i)^--?[a-z-]*(pass|secret|token|key|credential|auth)`)
	userFlag   = regexp.MustCompile(`(?i)^--?user(name)?$`)
	// query finds what follows an address: it may be a signature.
	query = regexp.MustCompile(`^([A-Za-z]+://[^?#]*\?)[^#]+`)
	// address is what may be one in the middle of a text: with a scheme, or a port.
	address = regexp.MustCompile(`[^\s"'()]*://[^\s"'()]*[^\s"'():;,.]|[^\s"'()]+@[^\s"'()@]+:[0-9]+`)
)

// Redacted returns a text, for people, in which addresses are as WithoutPassword
// returns them.
func Redacted(text string) string { return address.ReplaceAllStringFunc(text, WithoutPassword) }

// WithoutSecrets returns a command line in which values that may be secret are
// replaced by ***: those of options whose name speaks of passwords, secrets,
// tokens or keys, the password in user:password@host and --user name:password, and
// the query of an address.
func WithoutSecrets(args []string) []string {
	clean := make([]string, 0, len(args))
	before := ""
	for _, arg := range args {
		clean = append(clean, withoutSecret(before, arg))
		before = arg
	}
	return clean
}

// withoutSecret cleans one argument; before is the one in front of it.
func withoutSecret(before, arg string) string {
	if name, value, ok := strings.Cut(arg, "="); ok && strings.HasPrefix(arg, "-") {
		return name + "=" + withoutSecret(name, value)
	}
	if strings.HasPrefix(arg, "-") {
		return arg
	}
	if secretFlag.MatchString(before) && !strings.Contains(before, "=") {
		return hidden
	}
	if userFlag.MatchString(before) {
		if name, _, ok := strings.Cut(arg, ":"); ok {
			return name + ":" + hidden
		}
	}
	return WithoutPassword(arg)
}

// WithoutPassword returns an argument in which *** stands for the password in
// user:password@host, and for the query of an address, whether or not it is one
// that can be: what is mistyped is quoted in errors.
func WithoutPassword(arg string) string {
	host := 0
	if scheme, _, ok := strings.Cut(arg, "://"); ok && !strings.ContainsAny(scheme, ":@/") {
		host = len(scheme) + len("://")
	}
	if at := strings.LastIndex(arg, "@"); at > host {
		user, password, ok := strings.Cut(arg[host:at], ":")
		port, _, inPath := strings.Cut(password, "/")
		_, err := strconv.ParseUint(port, 10, 16)
		if ok && !strings.Contains(user, "/") && !(inPath && err == nil) { // else it is host:port/a@b
			arg = arg[:host] + user + ":" + hidden + arg[at:]
		}
	}
	return query.ReplaceAllString(arg, "${1}"+hidden)
}
