package load

import "math/rand/v2"

// pages picks the pages to request.
type pages struct {
	of      []Page
	weights int
	draw    *rand.Rand
}

// newPages makes the pages of thread i.
func newPages(p Plan, i int) pages {
	d := pages{of: p.Pages, draw: rand.New(rand.NewPCG(p.Seed, uint64(p.Share.Index)<<32|uint64(i)))}
	for _, page := range p.Pages {
		d.weights += page.Weight
	}
	return d
}

// next picks a page according to the weights.
func (d *pages) next() int {
	if len(d.of) == 1 {
		return 0
	}
	n := d.draw.IntN(d.weights)
	for i := range d.of {
		if n -= d.of[i].Weight; n < 0 {
			return i
		}
	}
	return 0
}
