//go:build linux

package lab

import (
	"context"
	"fmt"
	"time"

	"director/internal/lab/process"
	"director/internal/ranges"
)

// startDirector returns a function that starts "director run" with a forwarding
// method and an I/O. A table size of 0 means the director's default.
func startDirector(method, io string, tableSize int) func(context.Context, *bench, *network, placement) (*running, error) {
	return func(ctx context.Context, b *bench, n *network, p placement) (*running, error) {
		flags := []string{
			"--interface=in0,out0", "--log-level=warn",
			"--cpus=" + ranges.Format(p.workers),
			fmt.Sprintf("-A -u %s:%d -s rr", virtual, discard),
			fmt.Sprintf("-A -u %s:%d -s rr", virtual, echo),
			fmt.Sprintf("-a -u %s:%d -r %s:%d %s", virtual, echo, servers[0], echo, method),
		}
		for _, s := range servers {
			flags = append(flags, fmt.Sprintf("-a -u %s:%d -r %s:%d %s", virtual, discard, s, discard, method))
		}
		if tableSize > 0 {
			flags = append(flags, fmt.Sprintf("--conn-table-size=%d", tableSize))
		}
		cmd := b.Director("run", "--io="+io)
		d, err := process.Start(ctx, n.director, cmd, flags)
		if err != nil {
			return nil, err
		}
		return &running{
			used:   func() (time.Duration, error) { return processTime(cmd.Process.Pid) },
			status: d.Status,
			stop:   d.Stop,
		}, nil
	}
}
