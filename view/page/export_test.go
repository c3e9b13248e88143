package page

import "director/control"

// Sample takes a sample, as Run does every Period.
func (p *Page) Sample() { p.sample() }

// Followed returns how many things have a history.
func (p *Page) Followed() (services, servers, workers int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.history.services), len(p.history.servers), len(p.history.workers)
}

// Line returns a line of a ring of the first service that is shown.
func (p *Page) Line(ring, size int) []float32 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.services[control.Sorted(p.source.Services())[0].Key].line(ring, p.history.count, size)
}

// Spark and SI call the functions spark and si.
func Spark(values []float32, peak float32, step int) string { return spark(values, peak, step) }
func SI(v float64) string {
	digits, prefix := si(v)
	return digits + prefix
}
func Count(n uint64) string        { return count(n) }
func CompareNames(a, b string) int { return compareNames(a, b) }
func TakesGzip(accept string) bool { return takesGzip(accept) }

// MostChanges is how many changes the page shows.
const MostChanges = mostChanges

// MaxRings is the largest number of lines of services and servers.
const MaxRings = maxRings

// Rings returns how many lines of services and servers are kept.
func (p *Page) Rings() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.rings
}

// AlertMetrics returns the metric of each kind of alert.
func AlertMetrics() (all []string) {
	for _, k := range kinds {
		all = append(all, k.metric)
	}
	return all
}
