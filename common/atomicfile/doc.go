// Package atomicfile writes files that are there whole or not at all: written
// aside, made durable, and renamed into place.
package atomicfile
