// Package cli holds what all commands of the program share: exit statuses and
// the one line an error becomes, how progress is shown, and where a password
// comes from.
//
// It decides how things are said, never what is done: no sockets, no files of
// the transfer.
package cli
