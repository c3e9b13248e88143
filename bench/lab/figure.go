//go:build linux

package lab

import (
	"fmt"

	"director/bench/figure"
)

// Targets of the figures.
const (
	reachXSK      = 0.93 // DR compared with the bare AF_XDP loop
	reachNFT      = 1.3  // NAT compared with nftables
	reachForward  = 0.85 // DR compared with ip_forward,
	fairForward   = 0.92 // if the bare loop itself reaches this
	reachLatency  = 1.3  // p50 compared with ip_forward
	reachIdle     = 0.01 // of a CPU
	reachLossless = 0    // packets
)

// figures compares the rows of one worker that were measured.
func (r *Result) figures() (all []figure.Figure) {
	for _, n := range []int{fewFlows, manyFlows} {
		all = append(all, r.ratio("director-dr-xdp", "xsk", n, reachXSK)...)
		for _, nft := range []string{"nft", "nft+rps"} {
			all = append(all, r.ratio("director-nat-xdp", nft, n, reachNFT)...)
		}
		for _, forward := range []string{"forward", "forward+rps"} {
			bare := r.ratio("xsk", forward, n, fairForward)
			figures := r.ratio("director-dr-xdp", forward, n, reachForward)
			if len(bare) > 0 && len(figures) > 0 && !*bare[0].Met {
				figures[0].Met = nil
				figures[0].Note = fmt.Sprintf("not judged: the bare loop reaches %.2f of it, less than %g", bare[0].Value, fairForward)
			}
			all = append(all, figures...)
		}
	}
	base := r.latencyOf("forward")
	for _, name := range []string{"director-nat-xdp", "director-dr-xdp"} {
		if p50 := r.latencyOf(name); base > 0 && p50 > 0 {
			all = append(all, figure.Judge("p50 round trip "+name+" / forward", p50/base, figure.AtMost, reachLatency))
		}
	}
	for _, i := range r.Idle {
		all = append(all, figure.Judge("CPU of "+i.Name, i.CPU, figure.Below, reachIdle))
	}
	for _, l := range r.Loss {
		all = append(all, figure.Judge("packets lost, "+l.Name, float64(l.Lost), figure.AtMost, reachLossless))
	}
	return all
}

// ratio compares the packet rates of two contenders, if both were measured.
func (r *Result) ratio(a, b string, flows int, reach float64) []figure.Figure {
	x, y := r.rateOf(a, flows), r.rateOf(b, flows)
	if x == 0 || y == 0 {
		return nil
	}
	return []figure.Figure{figure.Judge(fmt.Sprintf("%s / %s, %dk flows", a, b, flows/1000), x/y, figure.AtLeast, reach)}
}

// rateOf returns a contender's packet rate with one worker, 0 if it was not
// measured.
func (r *Result) rateOf(contender string, flows int) float64 {
	for _, t := range r.Throughput {
		if t.Name == peakName(contender, 1, flows) {
			return t.PPS.Median
		}
	}
	return 0
}

func (r *Result) latencyOf(contender string) float64 {
	for _, l := range r.Latency {
		if l.Contender == contender {
			return l.P50
		}
	}
	return 0
}
