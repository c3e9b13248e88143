package machine

import (
	"errors"
	"io/fs"
	"time"
)

// Usage is CPU time, of all CPUs together.
type Usage struct {
	Total  time.Duration // that there was
	Others time.Duration // that anybody but this process and its children took
	Stolen time.Duration // that the hypervisor gave to other machines
}

// Used returns what was used since the machine started, of which two readings
// tell what was used between them.
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

// Since is what was used after an earlier reading. Both clocks of the kernel
// tick on their own, so that others may seem to give some back.
func (u Usage) Since(before Usage) Usage {
	return Usage{u.Total - before.Total, max(0, u.Others-before.Others), u.Stolen - before.Stolen}
}

// Share is a part of the total.
func (u Usage) Share(part time.Duration) float64 {
	if u.Total <= 0 {
		return 0
	}
	return float64(part) / float64(u.Total)
}
