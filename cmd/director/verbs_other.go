//go:build !linux

package main

import "director/internal/cli"

// hostVerbs are none: they need Linux. A configuration can be checked anywhere.
func hostVerbs() []cli.Verb { return nil }
