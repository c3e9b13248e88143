// Package ranges formats lists of numbers in the form of the kernel and of director's
// flags.
package ranges

import (
	"strconv"
	"strings"
)

// Format formats numbers in their order, such as "0-3,5": consecutive numbers become a range.
// The text for no numbers is empty.
func Format(list []int) string {
	var parts []string
	for i := 0; i < len(list); {
		end := i
		for end+1 < len(list) && list[end+1] == list[end]+1 {
			end++
		}
		part := strconv.Itoa(list[i])
		if end > i {
			part += "-" + strconv.Itoa(list[end])
		}
		parts = append(parts, part)
		i = end + 1
	}
	return strings.Join(parts, ",")
}
