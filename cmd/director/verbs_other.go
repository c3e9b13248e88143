//go:build !linux

package main

import "director/internal/cli"

// hostVerbs returns nothing: these verbs need Linux.
func hostVerbs() []cli.Verb { return nil }
