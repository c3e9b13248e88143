//go:build linux

package lab

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPlace_KeepsWorkersApartWhileItCan(t *testing.T) {
	for _, c := range []struct {
		cpus             []int
		n                int
		sources, workers []int // nil: not possible
	}{
		{[]int{0}, 1, []int{0}, []int{0}},
		{[]int{0, 1}, 1, []int{0}, []int{1}},
		{[]int{2, 5}, 1, []int{2}, []int{5}},
		{[]int{0, 1}, 2, []int{0, 1}, []int{0, 1}},
		{[]int{0, 1, 2}, 2, []int{0, 1}, []int{0, 2}},
		{[]int{1, 2, 3, 4}, 2, []int{2, 1}, []int{3, 4}},
		{[]int{0, 2}, 2, nil, nil},
		{[]int{0, 2, 4, 5}, 2, []int{0, 5}, []int{2, 4}},
		{[]int{3}, 2, nil, nil},
	} {
		p, ok := place(c.cpus, c.n)
		if ok != (c.sources != nil) {
			t.Errorf("%d workers on %v: placed %v, want %v", c.n, c.cpus, ok, !ok)
			continue
		}
		if !ok {
			continue
		}
		if diff := cmp.Diff([][]int{c.sources, c.workers}, [][]int{p.sources, p.workers}); diff != "" {
			t.Errorf("%d workers on %v, sources and workers (-want +got):\n%s", c.n, c.cpus, diff)
		}
		for q, s := range p.sources {
			if s%c.n != q {
				t.Errorf("%d workers on %v: the source on CPU %d feeds queue %d, want %d", c.n, c.cpus, s, s%c.n, q)
			}
		}
	}
}

func TestPlacement_SaysWhatSharesACPU(t *testing.T) {
	p, _ := place([]int{0, 1}, 1)
	text := strings.Join(p.describe(), "\n")
	for _, want := range []string{"CPU 0: source of queue 0", "all of forward and nft\nCPU 1: worker of queue 0", "with RPS"} {
		if !strings.Contains(text, want) {
			t.Errorf("got\n%s\nwant %q in it", text, want)
		}
	}
}

func TestPlacement_WritesMasksAsTheKernelReadsThem(t *testing.T) {
	for want, workers := range map[string][]int{
		"1": {0}, "6": {1, 2}, "80000000": {31}, "1,00000000": {32}, "2,00000000,00000001": {0, 65},
	} {
		if got := (placement{workers: workers}).mask(); got != want {
			t.Errorf("CPUs %v: mask %q, want %q", workers, got, want)
		}
	}
}
