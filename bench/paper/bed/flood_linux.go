package bed

import (
	"context"
	"fmt"
	"time"

	"director/bench/paper"
	"director/bench/testlvs"
	"director/control/api"
	"director/view/figures"
)

// flood is a running SYN flood beside the clients.
type flood struct {
	*child
	bed  *Bed
	made uint64 // connections that the director had made before
}

// flood starts a flood of a given duration, if the setup has one; nil otherwise.
func (b *Bed) flood(ctx context.Context, over time.Duration) (f *flood, err error) {
	if b.setup.Flood == 0 {
		return nil, nil
	}
	f = &flood{bed: b}
	if f.made, err = b.made(ctx); err != nil {
		return nil, err
	}
	f.child, err = b.start("bench", "testlvs", "--json", "--target="+b.target.String(),
		fmt.Sprintf("--rate=%d", b.setup.Flood), "--duration="+over.String())
	return f, err
}

// addTo waits for the end of the flood and adds its results to a point.
func (f *flood) addTo(ctx context.Context, p *paper.Point) error {
	var sent testlvs.Report
	if err := f.result(&sent); err != nil {
		return err
	}
	made, err := f.bed.made(ctx)
	p.SYNs, p.Held = sent.Rate, float64(made-f.made)/sent.Seconds
	return err
}

// made returns how many connections the director has made so far.
func (b *Bed) made(ctx context.Context) (n uint64, err error) {
	c := api.Open(b.director.Control())
	defer c.Close()
	var f figures.Figures
	err = c.Get(ctx, "/v1/statistics", &f)
	for i := range f.Workers {
		n += f.Workers[i].Conns
	}
	return n, err
}
