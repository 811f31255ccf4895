// Package frame owns message boundaries: [length][type][body] on any
// io.Reader and io.Writer. The length is held against the reader's limit
// before a byte is allocated. What the types mean is not its business.
package frame
