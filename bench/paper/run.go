package paper

import (
	"time"

	"director/bench/machine"
)

// Options are what a run depends on: measurements taken with other options must
// not be mixed.
type Options struct {
	Quick       bool          `json:"quick"`
	Repetitions int           `json:"repetitions"`
	Duration    time.Duration `json:"duration"` // that a point is measured
	Warmup      time.Duration `json:"warmup"`   // before it, at the same rate
	Cap         int           `json:"cap"`      // connections per second that a capped server takes; 0: found out in the beginning
	CPUs        string        `json:"cpus"`     // that all take part on, a list such as 0-3
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
	Skipped  map[string]string `json:"skipped"` // setups and figures that could not be taken, and why

	// Found out before the rest was measured.
	Workers int     `json:"workers"` // the most that have a CPU each
	Cap     int     `json:"cap"`     // connections per second of a capped server
	Ceiling float64 `json:"ceiling"` // connections per second that the whole bed does with servers that are not capped
	Quota   float64 `json:"quota"`   // of a CPU, with which one worker takes half as much again as one capped server
}
