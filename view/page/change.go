package page

import (
	"fmt"
	"strings"

	"director/control"
)

// mostChanges is how many changes the page shows. "director diff" shows all.
const mostChanges = 50

// changeRow is a setting that was changed at run time.
type changeRow struct{ Change, Loaded, Running string }

// mostLines is how many lines of a change the page shows. A service may have thousands of
// servers.
const mostLines = 6

// shorten returns the first lines, and the number of the others.
func shorten(lines []string) string {
	text := strings.Join(lines[:min(mostLines, len(lines))], "\n")
	if n := len(lines) - mostLines; n > 0 {
		text += fmt.Sprintf("\nand %d more", n)
	}
	return text
}

// changes fills in what was changed at run time.
func (v *view) changes(all []control.Difference) {
	v.MoreChanges = len(all) > mostChanges
	for i := range all[:min(mostChanges, len(all))] {
		c := &all[i]
		v.Changes = append(v.Changes, changeRow{
			strings.ReplaceAll(c.Change, "-", " "), shorten(c.From), shorten(c.To),
		})
	}
}
