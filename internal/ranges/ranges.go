// Package ranges writes lists of numbers as the kernel and our flags have them.
package ranges

import (
	"strconv"
	"strings"
)

// Format writes numbers in their order, "0-3,5": those that follow one another
// are a range. Of no numbers it makes an empty text.
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
