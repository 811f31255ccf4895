package central

import (
	"net"

	"golang.org/x/sys/unix"
)

// acknowledged is how many bytes the other side has acknowledged so far (RFC
// 4898, tcpEStatsAppHCThruOctetsAcked); 0 when the kernel does not say.
func acknowledged(conn *net.TCPConn) uint64 {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var acked uint64
	_ = raw.Control(func(fd uintptr) {
		if info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			acked = info.Bytes_acked
		}
	})
	return acked
}
