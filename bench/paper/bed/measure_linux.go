package bed

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"director/bench/fetch"
	"director/bench/load"
	"director/bench/paper"
	"director/internal/lab"
)

// samples is how often the CPU usage is sampled during a point.
const samples = 5

// Measure offers a rate, and returns the result and the CPU usage.
func (b *Bed) Measure(ctx context.Context, rate float64, o *paper.Options) (p paper.Point, usage []paper.Usage, err error) {
	client, err := b.clients(rate, o)
	if err != nil {
		return p, nil, err
	}
	flood, err := b.flood(ctx, settle+o.Warmup+o.Duration)
	if err != nil {
		return p, nil, errors.Join(err, <-client.ended)
	}
	subjects := append(slices.Clone(b.subjects), subject{"client", alone(client.cmd.Process.Pid)})
	watched, err := b.watch(ctx, subjects, settle+o.Warmup, o.Duration)
	var report load.Report
	err = errors.Join(err, ctx.Err(), client.result(&report))
	if err != nil {
		return p, nil, err
	}
	p = pointOf(b.setup, rate, &report)
	if flood != nil {
		if err := flood.addTo(ctx, &p); err != nil {
			return p, nil, err
		}
	}
	watched.addTo(&p)
	return p, watched.usage(), nil
}

// pointOf makes a point of a client's report.
func pointOf(s paper.Setup, rate float64, r *load.Report) paper.Point {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	response := r.Response
	if response.Count == 0 {
		response = r.Uncorrected // other programs do not know the due time
	}
	p := paper.Point{
		Setup: s, Offered: rate, Seconds: r.Plan.Duration.Seconds(),
		Started: int(r.Connections), Replies: int(r.Replies), ReplyRate: r.ReplyRate.Mean, RateDev: r.ReplyRate.StdDev,
		Timeouts: int(r.Errors[fetch.Timeout]), Refused: int(r.Errors[fetch.Refused]), Resets: int(r.Errors[fetch.Reset]),
		Late: us(r.Lateness.P99),
		Mean: us(response.Mean), P50: us(response.P50), P90: us(response.P90), P99: us(response.P99),
		P999: us(response.P999), Max: us(response.Max),
	}
	p.Others = int(r.Failed()+r.Unstarted) - p.Timeouts - p.Refused - p.Resets
	if r.Verdict() == load.ClientSaturates {
		p.Fault = string(load.ClientSaturates)
	}
	var least, most int64
	for i := range s.Servers {
		n := r.Servers[fmt.Sprintf("rs%d", i+1)]
		if i == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	if r.Replies > 0 {
		p.LeastShare, p.MostShare = float64(least)/float64(r.Replies), float64(most)/float64(r.Replies)
	}
	return p
}

// traffic is the counters of a host's interface.
type traffic struct{ bytes, packets uint64 }

func trafficOf(h *lab.Host) (t traffic, err error) {
	links, err := h.Link.LinkList()
	if err != nil {
		return t, fmt.Errorf("%s: %w", h.Name, err)
	}
	for _, l := range links {
		if _, ok := l.(*netlink.Veth); !ok || l.Attrs().Statistics == nil {
			continue
		}
		s := l.Attrs().Statistics
		t.bytes += s.RxBytes + s.TxBytes
		t.packets += s.RxPackets + s.TxPackets
	}
	return t, nil
}
