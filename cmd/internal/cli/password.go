package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"starmesh/common/fault"
	"starmesh/common/stuck"
)

// PasswordVariable is the environment variable a password may come from.
const PasswordVariable = "STARMESH_PASSWORD"

// Password finds a password: on the first line of file, when one is named,
// else in the environment, else by asking on the terminal that in is. It never
// comes from the command line, which others on the machine can see. ctx ends the
// asking.
func Password(ctx context.Context, in io.Reader, prompt io.Writer, who, file string) (string, error) {
	if file != "" {
		text, err := stuck.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("cannot read the password: %w", err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		return strings.TrimSuffix(line, "\r"), nil
	}
	if password, ok := os.LookupEnv(PasswordVariable); ok {
		return password, nil
	}
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return "", fault.Wrapf(fault.Unauthorized,
			"no password for %s: set %s, name a --password-file, or run this on a terminal", who, PasswordVariable)
	}
	fmt.Fprintf(prompt, "password for %s: ", who)
	password, err := readUnseen(ctx, int(f.Fd()))
	fmt.Fprintln(prompt)
	if err != nil {
		return "", fmt.Errorf("cannot read the password: %w", err)
	}
	return string(password), nil
}

// readUnseen reads a line from the terminal fd without showing it. A read of a
// terminal cannot be ended from outside: when ctx ends, the terminal is put back
// as it was, and the read left behind for the end of the process.
func readUnseen(ctx context.Context, fd int) (password []byte, err error) {
	before, err := term.GetState(fd)
	if err != nil {
		return nil, err
	}
	read := make(chan struct{})
	var typed []byte
	var failed error
	go func() {
		defer close(read)
		typed, failed = term.ReadPassword(fd)
	}()
	select {
	case <-ctx.Done():
		return nil, errors.Join(term.Restore(fd, before), ctx.Err())
	case <-read:
		return typed, failed
	}
}
