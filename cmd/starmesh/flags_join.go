package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"starmesh/cmd/internal/cli"
	"starmesh/cmd/internal/fleet"
	"starmesh/cmd/internal/fleet/worker"
	"starmesh/cmd/internal/lab/labdir"
	"starmesh/cmd/internal/units"
	"starmesh/common/fault"
	"starmesh/common/readable"
	"starmesh/common/retry"
)

// joinFlags say how a node joins a manager, and what it lets that have done.
type joinFlags struct {
	name     string
	maxSize  units.Size
	maxTime  time.Duration
	retryFor time.Duration
	keep     string // folder in which pushed files stay; "": none are taken
}

func (f *joinFlags) add(cmd *cobra.Command) {
	host, _ := os.Hostname()
	f.name, f.maxSize = strings.Map(func(r rune) rune {
		if r < 0x80 && fleet.IsName("x"+string(r)) {
			return r
		}
		return '-'
	}, host), 1<<40
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", f.name, "the node's `NAME`; one that is taken gets a number")
	flags.Var(&f.maxSize, "max-size", "take no larger file")
	flags.DurationVar(&f.maxTime, "max-time", 24*time.Hour, "end a transfer that takes longer")
	flags.DurationVar(&f.retryFor, "retry-for", 2*time.Minute, "while the manager cannot be reached, try for so long")
	cli.AddFlags(cmd)
}

// join joins the manager at addr and works for it until it is over.
func (f *joinFlags) join(cmd *cobra.Command, addr string) (err error) {
	if strings.Contains(addr, "#") {
		return cli.Usagef(cmd, "the code does not belong on the command line, where everyone on this machine can read it: %s=CODE %s ADDR, or leave it out and type it",
			fleet.CodeVariable, cmd.CommandPath())
	}
	if err := checkAddress(cmd, "manager", addr); err != nil {
		return err
	}
	if !fleet.IsName(f.name) {
		return cli.Usagef(cmd, "--name %q: letters, digits, '-', '_' and '.'", f.name)
	}
	code, err := readCode(cmd)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("cannot find this program to start transfers with: %w", err)
	}
	dir, leave, err := labdir.TemporaryDir("starmesh-node-")
	if err != nil {
		return fmt.Errorf("no folder for what a manager sends: %w", err)
	}
	defer func() { err = errors.Join(err, leave()) }()
	w, err := worker.New(worker.Config{
		Program: program, Dir: filepath.Join(dir, "node"), Keep: f.keep, MaxBytes: int64(f.maxSize), MaxTime: f.maxTime,
	})
	if err != nil {
		return err
	}
	return f.work(cmd, fleet.Joining{Manager: addr, Code: code, Handler: w})
}

// work joins, again while the manager cannot be reached.
func (f *joinFlags) work(cmd *cobra.Command, j fleet.Joining) error {
	ctx, out := cmd.Context(), cli.ForCommand(cmd)
	host, _ := os.Hostname()
	j.Hello = fleet.Hello{
		Program: thisBuild().Version, Name: f.name, Host: readable.Cut(host, 60), OS: runtime.GOOS + "/" + runtime.GOARCH,
		CPUs: runtime.NumCPU(), Push: f.keep != "",
	}
	j.Joined = func(w fleet.Welcome) {
		out.Event("joined", map[string]string{"name": w.Name, "manager": j.Manager, "program": w.Program})
		out.Note("joined %s as %s; Ctrl-C leaves", j.Manager, w.Name)
		if w.Program != j.Hello.Program {
			out.Warn("the manager runs starmesh %s, and this is %s", readable.Text(w.Program), j.Hello.Program)
		}
	}
	patience := retry.New(retry.Backoff{First: time.Second / 2, Max: 5 * time.Second, Jitter: 0.3}, f.retryFor)
	for {
		err := fleet.Join(ctx, j)
		var dial *net.OpError
		if ctx.Err() != nil {
			return stoppedIsFine(ctx, ctx.Err())
		}
		if !errors.As(err, &dial) || dial.Op != "dial" {
			return err
		}
		wait, ok := patience.Next(err)
		if !ok {
			return err
		}
		out.Waiting(j.Manager, err, wait)
		if retry.Wait(ctx, wait) != nil {
			return nil
		}
	}
}

// readCode takes the code from the environment, of which processes that are
// started get none of it, or else from standard input. ADDR#CODE will do.
func readCode(cmd *cobra.Command) (fleet.Code, error) {
	text, ok := os.LookupEnv(fleet.CodeVariable)
	if ok {
		_ = os.Unsetenv(fleet.CodeVariable) // fails only for names that cannot be
	} else {
		var err error
		fmt.Fprint(cmd.ErrOrStderr(), "code: ")
		if text, err = readLine(cmd.Context(), cmd); err != nil {
			return fleet.Code{}, err
		}
	}
	if _, code, ok := strings.Cut(text, "#"); ok {
		text = code
	}
	code, err := fleet.ParseCode(text)
	if err != nil {
		return code, fault.Wrapf(fault.Unauthorized, "%w; set %s, or type it", err, fleet.CodeVariable)
	}
	return code, nil
}

// readLine reads a line of standard input, unless ctx ends first.
func readLine(ctx context.Context, cmd *cobra.Command) (string, error) {
	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(cmd.InOrStdin()).ReadString('\n') // whatever came is the line
		line <- text
	}()
	select {
	case text := <-line:
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
