//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"director/bench/fetch"
	"director/internal/lab"
	"director/internal/lab/labtest"
	"director/internal/lab/process"
	"director/service"
)

// mainEnv is an environment variable that makes the test binary run as director. The
// tests thereby run the code under test, with the race detector, in separate processes.
const mainEnv = "DIRECTOR_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(mainEnv) == "" {
		os.Exit(m.Run())
	}
	main()
}

// directorCommand returns the command "director ARGS…". By default, a program with the race
// detector waits a second before it exits. That is switched off, because the director has
// joined its goroutines by then.
func directorCommand(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainEnv+"=1", "GORACE=atexit_sleep_ms=0 "+os.Getenv("GORACE"))
	return cmd
}

// patience is how long a test waits for an event that must happen.
const patience = 60 * time.Second

// startDirector starts a director in the lab. At the end of the test it stops the director,
// which must exit with 0. ioKind is xdp or packet. flags are further lines of its flags
// file.
func startDirector(t *testing.T, l *lab.Lab, ioKind string, flags ...string) *process.Director {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	d, err := process.Start(ctx, l.Director, directorCommand("run", "--io="+ioKind), append(l.Flags(), flags...))
	if err != nil {
		t.Fatal(err)
	}
	stopAtEnd(t, d)
	return d
}

// stopAtEnd stops a director at the end of the test. It must exit with 0.
func stopAtEnd(t *testing.T, d *process.Director) {
	t.Helper()
	t.Cleanup(func() {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the director's log:\n%s", d.Log())
		}
	})
}

// everyWay runs a test for each method and each kind of I/O, each in a lab of its own. The
// tests run in parallel, one for each CPU, because each of them waits for the kernel half of
// the time. With AF_PACKET the offloads of the network stay on.
func everyWay(t *testing.T, c lab.Config, test func(t *testing.T, l *lab.Lab, ioKind string)) {
	for _, method := range []service.Method{service.NAT, service.DR, service.TUN} {
		for _, ioKind := range []string{"xdp", "packet"} {
			t.Run(method.String()+" "+ioKind, func(t *testing.T) {
				t.Parallel()
				c := c
				c.Method, c.Offloads = method, ioKind == "packet"
				test(t, labtest.New(t, c), ioKind)
			})
		}
	}
}

// startWeb starts the lab's web servers and returns their names.
func startWeb(t *testing.T, l *lab.Lab) []string {
	t.Helper()
	names, err := serveWeb(l)
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// serve accepts connections to a port of a host in the lab until the test ends. It calls
// handle for each connection, in a goroutine of its own. Errors are left to the client,
// which then gets no valid answer.
func serve(t *testing.T, h *lab.Host, port int, handle func(c net.Conn)) {
	t.Helper()
	listener, err := h.Listen("tcp4", fmt.Sprintf(":%d", port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				handle(c)
			}()
		}
	}()
}

// mustFetch makes n HTTP requests through the director. It fails the test unless all
// are answered and the servers have equal shares.
func mustFetch(t *testing.T, l *lab.Lab, names []string, n int) {
	t.Helper()
	r := fetch.Run(t.Context(), fetch.Config{
		Dial: dialer(l, demoPort), Requests: n, Concurrency: 16, Timeout: patience,
	})
	if r.Failed() != 0 || r.Requests != n {
		t.Fatalf("%d of %d requests failed: %v, for example %v", r.Failed(), r.Requests, r.Errors, r.First)
	}
	for _, name := range names {
		if got := r.Servers[name]; got != n/len(names) {
			t.Errorf("server %s answered %d of %d requests, want %d: %v", name, got, n, n/len(names), r.Servers)
		}
	}
}

// workerFrames returns the number of frames that each worker forwarded. It reads them from
// the log of a director that has ended.
func workerFrames(t *testing.T, d *process.Director) []int {
	t.Helper()
	var frames []int
	for _, line := range bytes.Split([]byte(d.Log()), []byte("\n")) {
		if !bytes.Contains(line, []byte("worker done")) {
			continue
		}
		sum := 0
		for _, m := range forwardedPattern.FindAllSubmatch(line, -1) {
			n, err := strconv.Atoi(string(m[1]))
			if err != nil {
				t.Fatal(err)
			}
			sum += n
		}
		frames = append(frames, sum)
	}
	return frames
}

var forwardedPattern = regexp.MustCompile(`\btx-\S+?=(\d+)`)
