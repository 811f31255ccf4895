package load

import (
	"regexp"
	"strings"
)

const hidden = "***"

var (
	secretFlag = regexp.MustCompile(`(?i)^--?[a-z-]*(pass|secret|token|key|credential|auth)`)
	userFlag   = regexp.MustCompile(`(?i)^--?user(name)?$`)
	// userInfo finds name:password@ in front of a host.
	userInfo = regexp.MustCompile(`(^|//)([^/:@]*):([^/]*)@`)
	// query finds what follows an address: it may be a signature.
	query = regexp.MustCompile(`^([A-Za-z]+://[^?#]*\?)[^#]+`)
)

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
	arg = query.ReplaceAllString(arg, "${1}"+hidden)
	return userInfo.ReplaceAllString(arg, "${1}${2}:"+hidden+"@")
}
