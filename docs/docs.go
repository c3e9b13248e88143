// Package docs holds those pages of the documentation that the binary shows.
package docs

import (
	_ "embed" // of drops.md
	"strings"
)

//go:embed drops.md
var drops string

// Reason is what drops.md says of a packet.Reason: what it means for a frame that
// is dropped, and for one that is left to the kernel; empty where none is.
type Reason struct{ Dropped, Left string }

// Reasons returns what drops.md says, by the name of the reason.
func Reasons() map[string]Reason {
	all := map[string]Reason{}
	for line := range strings.Lines(drops) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || !strings.HasPrefix(cells[1], " `") {
			continue
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "`", ""))
		}
		all[cells[1]] = Reason{Dropped: cells[2], Left: cells[3]}
	}
	return all
}
