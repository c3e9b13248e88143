package paper

import (
	"strings"
	"time"

	"director/bench/figure"
	"director/bench/machine"
)

// Options are the parameters of a run. Measurements with different options must not
// be mixed.
type Options struct {
	Quick       bool          `json:"quick"`
	Repetitions int           `json:"repetitions"`
	Duration    time.Duration `json:"duration"`            // measuring time of a point
	Warmup      time.Duration `json:"warmup"`              // time before it, at the same rate
	Cap         int           `json:"cap"`                 // connections per second that a capped server accepts; 0: determined at the start
	CPUs        string        `json:"cpus"`                // CPUs for all processes of the bed, a list such as 0-3
	Balancers   string        `json:"balancers,omitempty"` // scripts of additional balancers, separated by commas
}

// balancers returns the paths of the scripts.
func (o *Options) balancers() []string {
	return strings.FieldsFunc(o.Balancers, func(r rune) bool { return r == ',' })
}

// Scaling is the result of bench micro for a number of workers, each with its own
// CPU, in memory.
type Scaling struct {
	Kind    string        `json:"kind"`
	Workers int           `json:"workers"`
	Mpps    figure.Spread `json:"mpps"` // millions of packets per second of all workers together
}

// Run describes a run as a whole.
type Run struct {
	Options  Options           `json:"options"`
	Begun    time.Time         `json:"begun"`
	Took     time.Duration     `json:"took"` // total measuring time, over all sittings
	Sittings int               `json:"sittings"`
	Complete bool              `json:"complete"` // all of the plan is measured
	Commit   string            `json:"commit"`
	Go       string            `json:"go"`
	Machine  machine.Facts     `json:"machine"`
	Versions map[string]string `json:"versions,omitempty"` // of the programs that were used
	Skipped  map[string]string `json:"skipped"`            // setups that could not be built, and why
	Price    float64           `json:"price,omitempty"`    // of the director, in dollars; 0: unknown

	// Determined before the other measurements.
	Workers int     `json:"workers"` // largest number that can each have a CPU
	Cap     int     `json:"cap"`     // connections per second of a capped server
	Ceiling float64 `json:"ceiling"` // connections per second of the whole bed with uncapped servers
	Quota   float64 `json:"quota"`   // share of a CPU with which one worker can serve 1.5 capped servers

	Scaling []Scaling `json:"scaling,omitempty"` // measured beside the emulation
}
