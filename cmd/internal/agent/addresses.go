package agent

import "net"

// MachineAddresses are this machine's addresses that others can reach, a few
// of them; loopback when there is none.
func MachineAddresses() []string {
	const few = 4
	var hosts []string
	all, _ := net.InterfaceAddrs() // without any, loopback is right
	for _, addr := range all {
		ip, ok := addr.(*net.IPNet)
		if ok && ip.IP.IsGlobalUnicast() && len(hosts) < few {
			hosts = append(hosts, ip.IP.String())
		}
	}
	if len(hosts) == 0 {
		return []string{"127.0.0.1"}
	}
	return hosts
}
