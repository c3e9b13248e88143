package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"director/internal/ranges"
)

// maxQueue is the highest queue number: no Linux device has more than 4096
// queues (rtnl_create_link in net/core/rtnetlink.c).
const maxQueue = 4095

// maxCPU is the highest CPU number that a cpu_set_t of 1024 bits can hold.
const maxCPU = 1023

// queues is "all" or a set of queue numbers.
func queues(p *[]int) value {
	return value{
		kind: "all|LIST",
		set: func(s string) error {
			if s == "all" {
				*p = nil
				return nil
			}
			list, err := parseList(s, maxQueue, "all")
			if err != nil {
				return err
			}
			slices.Sort(list)
			for i := 1; i < len(list); i++ {
				if list[i] == list[i-1] {
					return fmt.Errorf("queue %d is given twice", list[i])
				}
			}
			*p = list
			return nil
		},
		get: func() []string { return []string{formatList(*p, "all")} },
	}
}

// cpus is "auto" or a list of CPU numbers. The order is significant. A CPU may be listed
// more than once, because workers can share it.
func cpus(p *[]int) value {
	return value{
		kind: "auto|LIST",
		set: func(s string) error {
			if s == "auto" {
				*p = nil
				return nil
			}
			list, err := parseList(s, maxCPU, "auto")
			if err == nil {
				*p = list
			}
			return err
		},
		get: func() []string { return []string{formatList(*p, "auto")} },
	}
}

// parseList reads numbers and ranges, such as "0-3,5". word is the alternative to a list;
// the error contains it. No more CPUs than queues are ever needed, so the number of
// queues limits both lists.
func parseList(s string, highest int, word string) ([]int, error) {
	var list []int
	for part := range strings.SplitSeq(s, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err1 := strconv.ParseUint(from, 10, 32)
		last, err2 := strconv.ParseUint(to, 10, 32)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("want %s or a list such as 0-3,5", word)
		case first > last:
			return nil, fmt.Errorf("the range %s is in the wrong order: write %s-%s", part, to, from)
		case last > uint64(highest):
			return nil, fmt.Errorf("%d is too high: want numbers up to %d", last, highest)
		case len(list)+int(last-first) > maxQueue:
			return nil, errors.New("the list has more entries than a NIC can have queues")
		}
		for n := first; n <= last; n++ {
			list = append(list, int(n))
		}
	}
	return list, nil
}

// formatList is the inverse of parseList; word stands for the nil list.
func formatList(list []int, word string) string {
	if list == nil {
		return word
	}
	return ranges.Format(list)
}
