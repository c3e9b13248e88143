package ranges_test

import (
	"testing"

	"director/internal/ranges"
)

func TestFormat_JoinsWhatFollows(t *testing.T) {
	for want, list := range map[string][]int{
		"": nil, "7": {7}, "0-3,5": {0, 1, 2, 3, 5}, "9,9,8-9": {9, 9, 8, 9}, "3,2,1": {3, 2, 1}, "0,2,4-5": {0, 2, 4, 5},
	} {
		if got := ranges.Format(list); got != want {
			t.Errorf("%v: %q, want %q", list, got, want)
		}
	}
}
