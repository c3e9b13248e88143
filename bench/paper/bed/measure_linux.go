package bed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/vishvananda/netlink"

	"director/bench/load"
	"director/bench/paper"
	"director/host/cpu"
	"director/internal/lab"
)

// samples of the CPUs are taken while a point is measured.
const samples = 5

// Measure offers a rate and tells what came of it, and who used the CPUs.
func (b *Bed) Measure(ctx context.Context, rate float64, o *paper.Options) (p paper.Point, usage []paper.Usage, err error) {
	args := []string{
		"bench", "load", "--json", "--target=" + b.target.String(), fmt.Sprintf("--rate=%g", rate),
		"--warmup=" + o.Warmup.String(), "--duration=" + o.Duration.String(),
	}
	if b.setup.Client != "" {
		args = append(args, "--with="+b.setup.Client)
	}
	args = append(args, workloads[b.setup.Workload]...)
	switch b.setup.Placement {
	case paper.Shared:
		args = append(args, "--cpus="+cpu.FormatList(b.cpus[:1]))
	case paper.Apart:
		args = append(args, "--cpus="+cpu.FormatList(b.cpus[len(b.cpus)-1:]))
	}
	cmd := b.self(args...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := b.lab.Clients[0].Start(cmd); err != nil {
		return p, nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	subjects := append(slices.Clone(b.subjects), subject{"client", []int{cmd.Process.Pid}})
	watched, err := b.watch(ctx, subjects, settle+o.Warmup, o.Duration)
	failed := <-ended
	if err != nil {
		return p, nil, errors.Join(err, ctx.Err())
	}
	var r load.Report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return p, nil, fmt.Errorf("client: %w: %s", errors.Join(failed, err), bytes.TrimSpace(said.Bytes()))
	}
	p = pointOf(b.setup, rate, &r)
	watched.tell(&p)
	return p, watched.usage(), nil
}

// workloads are the flags of bench load for each.
var workloads = map[string][]string{
	paper.KeepAlive: {"--requests=10"},
	// Most pages are small, and most bytes are of large ones.
	paper.Sizes: {"--page=/bytes/100:100:50", "--page=/bytes/1000:1000:30", "--page=/bytes/10000:10000:15", "--page=/bytes/100000:100000:5"},
	// A mean of 8 ms, of which one page in twenty makes 5.
	paper.Service: {"--page=/:628:60", "--page=/?wait=5ms:628:25", "--page=/?wait=10ms:628:10", "--page=/?wait=100ms:628:5"},
}

// pointOf is what a client's report says.
func pointOf(s paper.Setup, rate float64, r *load.Report) paper.Point {
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	p := paper.Point{
		Setup: s, Offered: rate, Seconds: r.Plan.Duration.Seconds(),
		Started: int(r.Connections), Replies: int(r.Replies), ReplyRate: r.ReplyRate.Mean, RateDev: r.ReplyRate.StdDev,
		Timeouts: int(r.Errors[load.Timeout]), Refused: int(r.Errors[load.Refused]), Resets: int(r.Errors[load.Reset]),
		Late: us(r.Lateness.P99),
		Mean: us(r.Response.Mean), P50: us(r.Response.P50), P90: us(r.Response.P90), P99: us(r.Response.P99),
		P999: us(r.Response.P999), Max: us(r.Response.Max),
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

// traffic is what has passed a host's interfaces.
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
