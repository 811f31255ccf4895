// Package agent is what a manager talks to on every node: readings for
// whoever reaches the address, commands for those who may give them. It is the
// agent of the manager–agent model, as in SNMP (RFC 3411, §1.3), over HTTP.
//
//	GET  /          what there is, as text
//	GET  /healthz   whether the node does its work (200), and why not (503)
//	GET  /load      the node's load.Report as JSON
//	GET  /sockets   its socket table as JSON, or ?format=text
//	GET  /metrics   the same figures and more for Prometheus
//	POST /stop      end the node in good order
//	POST /NAME      further commands
//
// Commands are taken from this machine, or with the token of the node. What a
// page in somebody's browser could send is refused: see guard.go.
package agent
