package agent

import (
	"fmt"
	"os"
	"strings"

	"starmesh/common/fault"
	"starmesh/common/stuck"
)

// TokenVariable is the environment variable that holds an agent's token where
// no file does. There is no option for the token itself: a command line can be
// read by everyone on the machine.
const TokenVariable = "STARMESH_AGENT_TOKEN"

// minToken is the least length in bytes of a token that cannot be guessed.
const minToken = 16

// ReadToken returns the token in a file, or in the environment if file is "";
// "" if there is none there either.
func ReadToken(file string) (string, error) {
	text, from := os.Getenv(TokenVariable), TokenVariable
	if file != "" {
		content, err := stuck.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("cannot read the agent's token: %w", err)
		}
		text, from = string(content), file
		if strings.TrimSpace(text) == "" {
			return "", fault.Wrapf(fault.Invalid, "%s holds no token", from)
		}
	}
	token := strings.TrimSpace(text)
	if token != "" && len(token) < minToken {
		return "", fault.Wrapf(fault.Invalid, "the agent's token in %s is too short to be safe: 16 characters at the least, from `openssl rand -hex 16` for example", from)
	}
	return token, nil
}
