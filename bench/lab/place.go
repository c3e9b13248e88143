//go:build linux

package lab

import (
	"fmt"
	"slices"
	"strings"
)

// placement is the assignment of work to CPUs.
type placement struct {
	sources []int // the CPU of each source; its frames arrive on queue CPU mod workers
	workers []int // the CPU of the worker of each queue
}

// place assigns CPUs to n workers and their n sources, and reports whether there
// are enough. The CPUs of the sources must lead to different queues. Workers get
// CPUs of their own while there are any.
func place(cpus []int, n int) (p placement, ok bool) {
	rest := slices.Clone(cpus)
	for q := range n {
		i := slices.IndexFunc(rest, func(c int) bool { return c%n == q })
		if i < 0 {
			return p, false
		}
		p.sources = append(p.sources, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) < n {
		rest = slices.Concat(rest, p.sources)
	}
	p.workers = rest[:n]
	slices.Sort(p.workers) // --cpus is in queue order, and sorted
	return p, true
}

// cpus lists the CPUs that are used.
func (p placement) cpus() []int {
	all := slices.Concat(p.sources, p.workers)
	slices.Sort(all)
	return slices.Compact(all)
}

// mask returns the CPUs to which RPS moves work, in the kernel's format of sets.
func (p placement) mask() string {
	var words [32]uint32
	for _, c := range p.workers {
		words[c/32%len(words)] |= 1 << (c % 32)
	}
	last := len(words) - 1
	for last > 0 && words[last] == 0 {
		last--
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%x", words[last])
	for _, w := range slices.Backward(words[:last]) {
		fmt.Fprintf(&b, ",%08x", w)
	}
	return b.String()
}

// describe returns which work each CPU does, one line for each.
func (p placement) describe() []string {
	var text []string
	for _, c := range p.cpus() {
		var parts, half []string
		if i := slices.Index(p.sources, c); i >= 0 {
			q := c % len(p.sources)
			parts = append(parts, fmt.Sprintf("source of queue %d", q), fmt.Sprintf("NAPI of in0 queue %d", q))
			half = append(half, "all of forward and nft")
		}
		if q := slices.Index(p.workers, c); q >= 0 {
			parts = append(parts, fmt.Sprintf("worker of queue %d with its transmit half and the sink", q))
			if len(p.sources) == 1 {
				half = append(half, "with RPS the kernel's forwarding and the sink")
			}
		}
		text = append(text, fmt.Sprintf("CPU %d: %s; %s", c, strings.Join(parts, ", "), strings.Join(half, ", ")))
	}
	return text
}
