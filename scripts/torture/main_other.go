//go:build !linux

package main

import "errors"

var errLinux = errors.New("needs Linux: its namespaces, limits and signals")

func torture(config) error { return errLinux }

func runForeign([]string) error { return errLinux }
