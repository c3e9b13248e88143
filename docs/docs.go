// Package docs contains the pages of the documentation that the binary shows.
package docs

import (
	_ "embed" // of drops.md
	"strings"
)

//go:embed drops.md
var drops string

// Reason is the explanation of a packet.Reason in drops.md. Dropped explains the reason
// for a frame that is dropped, Left for a frame that is left to the kernel. A text is empty
// if that never happens for this reason.
type Reason struct{ Dropped, Left string }

// Reasons returns all explanations in drops.md, by the name of the reason.
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
