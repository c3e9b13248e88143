package machine

import (
	"errors"
	"io/fs"
	"time"
)

// Usage is the CPU time of all CPUs together.
type Usage struct {
	Total  time.Duration // available
	Others time.Duration // used by others than this process and its children
	Stolen time.Duration // given to other machines by the hypervisor
}

// Used returns the usage since the machine started. The difference of two readings
// is the usage between them.
func Used(host fs.FS) (Usage, error) {
	cpus, err := CPUs(host)
	own, children, e := Process(host, "self")
	if err := errors.Join(err, e); err != nil {
		return Usage{}, err
	}
	all := cpus[All]
	return Usage{
		Total:  all.Busy() + all.Idle + all.Stolen,
		Others: all.Busy() - own.Busy() - children.Busy(),
		Stolen: all.Stolen,
	}, nil
}

// Since returns the usage after an earlier reading. The kernel's two clocks tick
// independently, so Others may seem to decrease; it is then 0.
func (u Usage) Since(before Usage) Usage {
	return Usage{u.Total - before.Total, max(0, u.Others-before.Others), u.Stolen - before.Stolen}
}

// Share returns part as a share of the total.
func (u Usage) Share(part time.Duration) float64 {
	if u.Total <= 0 {
		return 0
	}
	return float64(part) / float64(u.Total)
}
