// Package echo sends back what it is sent: the Echo Protocol of RFC 862, over
// TCP and UDP, as a service and as a client. It is the smallest program that
// makes every step of both kinds of socket, and can tell of each.
package echo
