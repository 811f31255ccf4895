package agent

import (
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"text/tabwriter"

	"starmesh/cmd/internal/units"
	"starmesh/common/load"
	"starmesh/common/readable"
)

// WriteSockets prints a socket table for people.
func WriteSockets(w io.Writer, rows []load.SocketRow) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "FD\tROLE\tPROTO\tLOCAL\tPORT CLASS\tREMOTE\tPORT CLASS\tSTATE\tSENT\tRECEIVED\tAGE\tNOTES")
	for _, r := range rows {
		fd := "?"
		if r.FD >= 0 {
			fd = strconv.Itoa(r.FD)
		}
		cells := []string{
			fd, string(r.Role), r.Protocol,
			endpoint(r.LocalIP, r.LocalPort), dash(r.LocalClass),
			endpoint(r.RemoteIP, r.RemotePort), dash(r.RemoteClass),
			string(r.State), bytes(r.OutBytes), bytes(r.InBytes),
			units.Seconds(r.AgeSeconds), notes(r),
		}
		for i, cell := range cells { // whoever answered may not be an agent of ours
			cells[i] = readable.Text(cell)
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("cannot print the socket table: %w", err)
	}
	return nil
}

func endpoint(ip string, port int) string {
	if ip == "" {
		return "-"
	}
	return net.JoinHostPort(ip, strconv.Itoa(port))
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func bytes(n *int64) string {
	if n == nil {
		return "-"
	}
	return units.Bytes(*n)
}

func notes(r load.SocketRow) string {
	switch {
	case r.Waiting != nil && r.Backlog != nil:
		return fmt.Sprintf("%d of %d wait to be accepted", *r.Waiting, *r.Backlog)
	case r.ClosedFirst == load.Here:
		return "closed first here"
	case r.ClosedFirst == load.There:
		return "closed first by the other side"
	case r.Via != "":
		return "carried by the " + r.Via
	}
	return ""
}
