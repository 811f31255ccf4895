//go:build !linux

package main

import "errors"

func torture(config) error {
	return errors.New("needs Linux: its namespaces, limits and signals")
}
