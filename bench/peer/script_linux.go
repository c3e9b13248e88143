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

// Script is a balancer that a user's program starts, stops and describes. The
// program is called with one argument, in the director's network namespace:
//
//	lacks    print why the balancer cannot be used here, or nothing
//	version  print its name and version, in one line
//	start    start it, return when it is ready, and print the ids of its
//	         processes, if it has any, one in each line
//	stop     end it, and revert all changes
//
// For the last two, environment variables contain the parameters: SERVICE is the
// address and port that clients connect to; SERVERS are the addresses and ports of
// the servers, separated by spaces; WORKERS is the number of threads or processes
// that it may use; DIR is a directory for files. An exit code other than 0 is a
// failure; the output becomes the error message.
type Script struct{ Path string }

// Lacks calls the script with "lacks".
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

// Version calls the script with "version".
func (s Script) Version() string { return firstLine(s.Path, "version") }

// Start calls the script with "start".
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

// call runs the script and returns what it prints.
func (r *scripted) call(ctx context.Context, verb string) (string, error) {
	servers := make([]string, len(r.site.Servers))
	for i, a := range r.site.Servers {
		servers[i] = a.String()
	}
	var out, said program.Output
	cmd := exec.CommandContext(ctx, r.path, verb)
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.WaitDelay = time.Second // a process that it leaves running may keep its output open
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
