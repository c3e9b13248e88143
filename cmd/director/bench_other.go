//go:build !linux

package main

import (
	"runtime"

	"director/bench/record"
	"director/internal/cli"
)

func labOptionsAreWrong(error) bool { return false }

// recordLab records nothing, because bench lab needs Linux.
func recordLab([]string, cli.IO) (record.Part, error) {
	return record.Part{Missing: "bench lab needs Linux, this is " + runtime.GOOS}, nil
}

// hostBenches returns nothing: these benchmarks need Linux.
func hostBenches() []cli.Verb { return nil }
