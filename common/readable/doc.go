// Package readable makes texts fit to be read by a person: what strangers wrote
// is seen and not obeyed by a terminal, long lists are cut short.
package readable
