package micro

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// resident returns the bytes of memory that the process uses, and how many of them
// are on transparent huge pages. ok is false on systems other than Linux.
func resident() (all, huge int64, ok bool) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		return 0, 0, false
	}
	for l := range strings.Lines(string(text)) {
		fields := strings.Fields(l)
		if len(fields) != 3 {
			continue
		}
		kB, err := strconv.ParseInt(fields[1], 10, 64)
		if err != nil {
			continue
		}
		switch fields[0] {
		case "Rss:":
			all, ok = kB<<10, true
		case "AnonHugePages:":
			huge = kB << 10
		}
	}
	return all, huge, ok
}

// footprint returns all memory of a director per connection: the table, its
// reserves and everything else.
func (b *bench) footprint(flows uint32) (bytes float64, ok bool, err error) {
	debug.FreeOSMemory()
	before, _, _ := resident()
	if _, err := b.rig(paths[0], flows); err != nil {
		return 0, false, err
	}
	debug.FreeOSMemory()
	after, _, ok := resident()
	return float64(after-before) / float64(flows), ok, nil
}
