//go:build !linux

package main

// hostVerbs are none: they need Linux. A configuration can be checked anywhere.
func hostVerbs() []verb { return nil }
