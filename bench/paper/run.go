package paper

import (
	"strings"
	"time"

	"director/bench/figure"
	"director/bench/machine"
)

// Options are what a run depends on: measurements taken with other options must
// not be mixed.
type Options struct {
	Quick       bool          `json:"quick"`
	Repetitions int           `json:"repetitions"`
	Duration    time.Duration `json:"duration"`            // that a point is measured
	Warmup      time.Duration `json:"warmup"`              // before it, at the same rate
	Cap         int           `json:"cap"`                 // connections per second that a capped server takes; 0: found out in the beginning
	CPUs        string        `json:"cpus"`                // that all take part on, a list such as 0-3
	Balancers   string        `json:"balancers,omitempty"` // scripts of more balancers, separated by commas
}

// balancers are the paths of the scripts.
func (o *Options) balancers() []string {
	return strings.FieldsFunc(o.Balancers, func(r rune) bool { return r == ',' })
}

// Scaling is what bench micro says of a number of workers, each on a CPU of its
// own, in memory.
type Scaling struct {
	Kind    string        `json:"kind"`
	Workers int           `json:"workers"`
	Mpps    figure.Spread `json:"mpps"` // millions of packets per second of all workers
}

// Run is what is known of a run as a whole.
type Run struct {
	Options  Options           `json:"options"`
	Begun    time.Time         `json:"begun"`
	Took     time.Duration     `json:"took"` // of measuring, over all sittings
	Sittings int               `json:"sittings"`
	Complete bool              `json:"complete"` // nothing of the plan is missing
	Commit   string            `json:"commit"`
	Go       string            `json:"go"`
	Machine  machine.Facts     `json:"machine"`
	Versions map[string]string `json:"versions,omitempty"` // of the programs that took part
	Skipped  map[string]string `json:"skipped"`            // setups that could not be built, and why
	Price    float64           `json:"price,omitempty"`    // of the director, in dollars; 0: nobody said

	// Found out before the rest was measured.
	Workers int     `json:"workers"` // the most that have a CPU each
	Cap     int     `json:"cap"`     // connections per second of a capped server
	Ceiling float64 `json:"ceiling"` // connections per second that the whole bed does with servers that are not capped
	Quota   float64 `json:"quota"`   // of a CPU, with which one worker takes half as much again as one capped server

	Scaling []Scaling `json:"scaling,omitempty"` // beside what is emulated
}
