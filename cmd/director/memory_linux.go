package main

import (
	"os"
	"runtime/debug"
)

// collectorPercent is how much the heap may grow between two garbage collections, in per
// cent of what is in use. The data path makes no garbage, so a collection costs no packet
// anything. Go's own 100 would make the process of a large configuration half as large
// again.
const collectorPercent = 40

// saveMemory makes the garbage collector run more often, unless the operator has set how
// often (GOGC).
func saveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
}
