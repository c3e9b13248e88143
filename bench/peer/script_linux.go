package peer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"director/internal/lab/program"
)

// Script is a balancer that a program of anybody's starts, stops and describes. It
// is called with one argument, in the director's network namespace:
//
//	lacks    print why it cannot take part, or nothing
//	version  print what it is, in a line
//	start    begin to balance, return when it works, and print the ids of its
//	         processes, if it has any, one in a line
//	stop     end it, and take everything back
//
// For the last two the environment says what it is to do: SERVICE is the address
// and port that clients ask, SERVERS those of the servers, separated by blanks,
// WORKERS how many threads or processes it may use, and DIR a folder for files.
// An exit code other than 0 is a failure, which what it printed explains.
type Script struct{ Path string }

// Lacks asks the script.
func (s Script) Lacks() string {
	if _, err := os.Stat(s.Path); err != nil {
		return err.Error()
	}
	out, err := exec.Command(s.Path, "lacks").CombinedOutput()
	if text := strings.TrimSpace(string(out)); text != "" || err == nil {
		return text
	}
	return fmt.Sprintf("%s lacks: %v", s.Path, err)
}

// Version asks the script.
func (s Script) Version() string { return firstLine(s.Path, "version") }

// Start has the script start.
func (s Script) Start(ctx context.Context, site Site) (Running, error) {
	r := &scripted{path: s.Path, site: site}
	out, err := r.call(ctx, "start")
	if err != nil {
		return nil, err
	}
	for word := range strings.FieldsSeq(out) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			_ = r.Stop()
			return nil, fmt.Errorf("%s start: %q is no process id", s.Path, word)
		}
		r.pids = append(r.pids, pid)
	}
	return r, nil
}

// scripted is a balancer that a script has started.
type scripted struct {
	path string
	site Site
	pids []int
}

func (r *scripted) PIDs() []int { return r.pids }

func (r *scripted) Stop() error {
	_, err := r.call(context.Background(), "stop")
	return err
}

// call returns what the script prints.
func (r *scripted) call(ctx context.Context, verb string) (string, error) {
	servers := make([]string, len(r.site.Servers))
	for i, a := range r.site.Servers {
		servers[i] = a.String()
	}
	var out, said program.Output
	cmd := exec.CommandContext(ctx, r.path, verb)
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second // what it leaves running may keep its outputs
	cmd.Env = append(os.Environ(), "SERVICE="+r.site.Service.String(), "SERVERS="+strings.Join(servers, " "),
		"WORKERS="+strconv.Itoa(max(1, r.site.Workers)), "DIR="+r.site.Dir)
	err := r.site.Host.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s %s: %w: %s%s", r.path, verb, err, out.String(), said.String())
	}
	return out.String(), nil
}
