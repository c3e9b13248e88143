package paper

import "fmt"

// Transfer is one step of the message-size sweep of the paper's figure 3: a
// message to the server and back, again and again, as netpipe does it.
type Transfer struct {
	Setup
	Bytes      int     `csv:"bytes"` // of a message
	Repetition int     `csv:"repetition"`
	Turns      int     `csv:"turns"`   // there and back
	Seconds    float64 `csv:"seconds"` // of all turns
}

// Key names the step among all.
func (t *Transfer) Key() string {
	return fmt.Sprintf("%s %d bytes #%d", t.Setup.Key(), t.Bytes, t.Repetition)
}

// Throughput is in bits per second one way, as netpipe counts it: half a turn
// takes a message.
func (t *Transfer) Throughput() float64 {
	return float64(t.Bytes) * 8 * 2 * float64(t.Turns) / t.Seconds
}

// Latency is what a message takes one way, in microseconds.
func (t *Transfer) Latency() float64 { return t.Seconds / float64(2*t.Turns) * 1e6 }

// largest is the message at which the paper's curve ends, in bytes.
const largest = 12 << 20

// Messages are the sizes that a sweep tries, in bytes.
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

// Step is a setup's transfers of one message size.
type Step struct {
	Bytes      int
	N          int   // repetitions
	Throughput Value // bits per second
	Latency    Value // microseconds
}

// Steps returns the sweep of a setup, by ascending size.
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
