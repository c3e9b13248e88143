package bed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"

	"director/bench/paper"
	"director/internal/ranges"
)

// child is a process of this program that prints JSON when it ends.
type child struct {
	cmd       *exec.Cmd
	out, said bytes.Buffer
	ended     chan error
}

// start starts a child in the clients' namespace.
func (b *Bed) start(args ...string) (*child, error) {
	return launch(b.self(args...), b.lab.Clients[0].Start)
}

// launch starts a command as a child.
func launch(cmd *exec.Cmd, start func(*exec.Cmd) error) (*child, error) {
	c := &child{cmd: cmd, ended: make(chan error, 1)}
	cmd.Stdout, cmd.Stderr = &c.out, &c.said
	if err := start(cmd); err != nil {
		return nil, err
	}
	go func() { c.ended <- c.cmd.Wait() }()
	return c, nil
}

// result waits for the end and parses the output. A client without any reply exits
// with an error, but still prints its report.
func (c *child) result(into any) error {
	failed := <-c.ended
	if err := json.Unmarshal(c.out.Bytes(), into); err != nil {
		return fmt.Errorf("%s: %w: %s", c.cmd.Args[1:3], errors.Join(failed, err), bytes.TrimSpace(c.said.Bytes()))
	}
	return nil
}

// clients starts the clients at a rate.
func (b *Bed) clients(rate float64, o *paper.Options) (*child, error) {
	args := []string{
		"bench", "load", "--json", "--target=" + b.target.String(), fmt.Sprintf("--rate=%g", rate),
		"--warmup=" + o.Warmup.String(), "--duration=" + o.Duration.String(),
	}
	if b.setup.Client != "" {
		args = append(args, "--with="+b.setup.Client)
	} else {
		for _, a := range b.lab.Clients[0].Sources {
			args = append(args, "--source="+a.String())
		}
	}
	args = append(args, workloads[b.setup.Workload]...)
	switch b.setup.Placement {
	case paper.Shared:
		args = append(args, "--cpus="+ranges.Format(b.cpus[:1]))
	case paper.Apart:
		args = append(args, "--cpus="+ranges.Format(b.cpus[len(b.cpus)-1:]))
	}
	return b.start(args...)
}

// workloads contains the flags of bench load for each workload.
var workloads = map[string][]string{
	paper.KeepAlive: {"--requests=10"},
	paper.Lasting:   {"--requests=10", "--think=100ms"},
	paper.TLS:       {"--tls"},
	// Most pages are small, but most bytes belong to large pages.
	paper.Sizes: {"--page=/bytes/100:100:50", "--page=/bytes/1000:1000:30", "--page=/bytes/10000:10000:15", "--page=/bytes/100000:100000:5"},
	// The mean is 8 ms, of which 5 ms come from one page in twenty.
	paper.Service: {"--page=/:628:60", "--page=/?wait=5ms:628:25", "--page=/?wait=10ms:628:10", "--page=/?wait=100ms:628:5"},
}
