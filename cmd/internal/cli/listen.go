package cli

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"starmesh/common/fault"
)

// Words is OneLine for the user of cmd. Of an address at which nothing can
// listen, it names the flag that gave it, and what to write there instead.
func Words(cmd *cobra.Command, err error) string {
	var listen *fault.ListenError
	if !errors.As(err, &listen) {
		return OneLine(err)
	}
	flag := ""
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Value.String() == listen.Address {
			flag = "--" + f.Name + " "
		}
	})
	host, port, _ := net.SplitHostPort(listen.Address) // nobody could listen at what is none
	number, _ := strconv.Atoi(port)
	at := func(host string, port int) string { return flag + net.JoinHostPort(host, strconv.Itoa(port)) }
	said := maps.Clone(hints)
	said[fault.HintPrivileged] = fmt.Sprintf(" (ports below 1024 need privileges; try %s)", at(host, 7000+number))
	said[fault.HintTaken] = fmt.Sprintf(" (another program listens there; stop it, or take another port: %s finds a free one)", at(host, 0))
	said[fault.HintEveryAddress] = fmt.Sprintf(" (this machine has no such address; %s is every address it has)", at("", number))
	return oneLine(err, said)
}
