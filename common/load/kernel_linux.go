package load

import "golang.org/x/sys/unix"

// kernelCounts reports whether the kernel counts the bytes of TCP sockets.
const kernelCounts = true

// tcpStates names the states as the kernel numbers them
// (include/net/tcp_states.h); ss and netstat print the same words.
var tcpStates = [...]string{
	1: "ESTABLISHED", 2: "SYN_SENT", 3: "SYN_RECV", 4: "FIN_WAIT1", 5: "FIN_WAIT2",
	6: "TIME_WAIT", 7: "CLOSE", 8: "CLOSE_WAIT", 9: "LAST_ACK", 10: "LISTEN",
	11: "CLOSING", 12: "NEW_SYN_RECV",
}

const stateListen = 10

// tcpInfo reads TCP_INFO (tcp(7)). Byte counts exist since Linux 4.1, the
// count of bytes sent, those sent again included, since 4.19.
func tcpInfo(fd int) (kernelInfo, bool) {
	raw, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return kernelInfo{}, false
	}
	// The kernel reads the state a moment before the counters (tcp_get_info): a
	// FIN in between would be counted as data. Then the second reading is right.
	if again, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && again.State != raw.State {
		raw = again
	}
	info := kernelInfo{
		state:  "UNKNOWN",
		out:    int64(raw.Bytes_sent),
		in:     int64(raw.Bytes_received),
		unsent: int64(raw.Notsent_bytes),
	}
	if info.out == 0 && raw.Bytes_acked > 1 { // an older kernel; the 1 is the SYN
		info.out = int64(raw.Bytes_acked) - 1
	}
	if int(raw.State) < len(tcpStates) && tcpStates[raw.State] != "" {
		info.state = tcpStates[raw.State]
	}
	switch info.state { // the kernel counts the FIN it has received as a byte
	case "CLOSE_WAIT", "LAST_ACK", "CLOSING", "TIME_WAIT":
		info.in--
	}
	if raw.State == stateListen { // both fields have another meaning then
		info.waiting, info.backlog = int(raw.Unacked), int(raw.Sacked)
	}
	return info, true
}
