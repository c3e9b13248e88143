package plan

import (
	"fmt"
	"slices"
	"strings"

	"director/host"
)

// checkServed returns an error, which matches host.ErrUsage, unless serving just
// these queues of the interface catches every frame: each queue exists, and if some
// are left out then the indirection table avoids those. A device without such a table
// (veth, many virtual ones) may use any queue. Flow steering rules (ethtool -N) are
// the operator's responsibility and are not looked at.
func checkServed(i *Interface, served []int) error {
	if i.QueuesErr != nil {
		return i.QueuesErr
	}
	for _, q := range served {
		if q < 0 || q >= i.Queues {
			return host.Usagef("--queues: %s has no queue %d, only 0 to %d", i.Name, q, i.Queues-1)
		}
	}
	if i.SpreadErr != nil {
		return i.SpreadErr
	}
	missed := func(q int) bool { return !slices.Contains(served, q) }
	for q := range i.Queues {
		if !missed(q) {
			continue
		}
		if len(i.Spread) == 0 {
			return host.Usagef("--queues: %s may receive on queue %d, which is left out, and has no indirection "+
				"table to prevent it: serve all %d queues, or fewer after: ethtool -L %s rx N (or combined N)",
				i.Name, q, i.Queues, i.Name)
		}
		if slices.Contains(i.Spread, uint32(q)) {
			return host.Usagef("--queues: RSS of %s spreads frames to queue %d, which is left out: ethtool -X %s %s",
				i.Name, q, i.Name, spread(i.Queues, missed))
		}
	}
	return nil
}

// spread returns the arguments of ethtool -X that confine RSS to the queues that are
// not missed.
func spread(count int, missed func(int) bool) string {
	weights := make([]string, count)
	start, equal, gaps := -1, 0, 0
	for q := range count {
		weights[q] = "0"
		if missed(q) {
			continue
		}
		weights[q] = "1"
		if start < 0 {
			start = q
		}
		equal++
		gaps = q + 1 - start - equal
	}
	if gaps > 0 {
		return "weight " + strings.Join(weights, " ")
	}
	return fmt.Sprintf("start %d equal %d", start, equal)
}
