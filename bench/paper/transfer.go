package paper

import "fmt"

// Transfer is one step of the message-size sweep of the paper's figure 3. As in
// netpipe, a message is sent to the server and back, repeatedly.
type Transfer struct {
	Setup
	Bytes      int     `csv:"bytes"` // of one message
	Repetition int     `csv:"repetition"`
	Turns      int     `csv:"turns"`   // round trips
	Seconds    float64 `csv:"seconds"` // of all round trips
}

// Key identifies the step.
func (t *Transfer) Key() string {
	return fmt.Sprintf("%s %d bytes #%d", t.Setup.Key(), t.Bytes, t.Repetition)
}

// Throughput returns bits per second in one direction. As in netpipe, the time of a
// message is half of a round trip.
func (t *Transfer) Throughput() float64 {
	return float64(t.Bytes) * 8 * 2 * float64(t.Turns) / t.Seconds
}

// Latency returns the time of a message in one direction, in microseconds.
func (t *Transfer) Latency() float64 { return t.Seconds / float64(2*t.Turns) * 1e6 }

// largest is the message size at which the paper's curve ends, in bytes.
const largest = 12 << 20

// Messages returns the message sizes of a sweep, in bytes.
func Messages(quick bool) (sizes []int) {
	step := 4
	if quick {
		step = 64
	}
	for n := 1; n < largest; n *= step {
		sizes = append(sizes, n)
	}
	return append(sizes, largest)
}

// Step summarises a setup's transfers of one message size.
type Step struct {
	Bytes      int
	N          int   // number of repetitions
	Throughput Value // bits per second
	Latency    Value // microseconds
}

// Steps returns the sweep of a setup, sorted by size.
func (d *Data) Steps(s Setup) (steps []Step) {
	for _, size := range Messages(d.Run.Options.Quick) {
		var through, latency []float64
		for i := range d.Transfers {
			if t := &d.Transfers[i]; t.Setup == s && t.Bytes == size {
				through, latency = append(through, t.Throughput()), append(latency, t.Latency())
			}
		}
		if n := len(through); n > 0 {
			steps = append(steps, Step{size, n, valueOf(through), valueOf(latency)})
		}
	}
	return steps
}
