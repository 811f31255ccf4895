// Package fleet is how nodes on many machines join one manager, and how the two
// know each other. PROTOCOL.md has the conversation byte by byte.
//
// Only the manager must be reachable: a node dials it over TLS 1.3, and both
// prove that they know the code, a secret of 128 bits. The proofs are bound to
// the connection, so that nobody in between can pass them on, and a proof that
// was recorded is worth nothing on another. From then on the roles are turned
// round: on that one connection the node answers the manager's requests, over
// HTTP/2. What it answers is not this package's business (package worker's);
// when the connection ends, so does every request that is under way.
//
//	node                                manager
//	 │ ── TLS 1.3 ──────────────────────▶ │
//	 │ ── HELLO: proof, who I am ───────▶ │
//	 │ ◀─ WELCOME: proof, your name ───── │  or REFUSED: why
//	 │ ◀══ requests, over HTTP/2 ════════ │
package fleet
