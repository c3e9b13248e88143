package scale

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"director/bench/figure"
	"director/control/api"
	"director/inspect/capture"
	"director/packet"
	"director/service"
)

// SoakOptions configures a soak.
type SoakOptions struct {
	Options
	Duration time.Duration // how long to change; Repeat is not used
	Rounds   int           // if it is not 0, how often to change, instead of Duration
	Progress io.Writer     // gets a line now and then
}

// Soak is what a process used in the third and in the last quarter of the rounds of a soak:
// the most memory, and the fewest of everything else. A leak raises these too, but a
// connection that is just being closed does not.
type Soak struct {
	Rounds  int     `json:"rounds"`
	Seconds float64 `json:"seconds"`
	Third   Usage   `json:"third"`
	Last    Usage   `json:"last"`
}

// Usage is what a process uses. Memory is resident. Heap is the part of Go's heap that the
// last garbage collection found in use. Both are in MB of 10^6 bytes.
type Usage struct {
	Memory      float64 `json:"memory"`
	Heap        float64 `json:"heap"`
	Goroutines  float64 `json:"goroutines"`
	Threads     float64 `json:"threads"`
	Descriptors float64 `json:"descriptors"`
}

// Figures says whether the process has come to rest: from the third quarter to the last,
// its memory and its heap have grown by a twentieth at most, and nothing else has grown.
func (s *Soak) Figures() []figure.Figure {
	return []figure.Figure{
		figure.Judge("memory, MB", s.Last.Memory, figure.AtMost, s.Third.Memory*1.05+4),
		figure.Judge("live heap, MB", s.Last.Heap, figure.AtMost, s.Third.Heap*1.05+2),
		figure.Judge("goroutines", s.Last.Goroutines, figure.AtMost, s.Third.Goroutines),
		figure.Judge("threads", s.Last.Threads, figure.AtMost, s.Third.Threads),
		figure.Judge("descriptors", s.Last.Descriptors, figure.AtMost, s.Third.Descriptors),
	}
}

// reportEvery is the time between two lines of progress.
const reportEvery = time.Minute

// RunSoak changes the rules of a director, reloads, captures, lists and scrapes without a
// pause until the time is over.
func RunSoak(ctx context.Context, o SoakOptions) (r Soak, err error) {
	dir, err := os.MkdirTemp("", "director-soak-")
	if err != nil {
		return r, err
	}
	defer os.RemoveAll(dir)
	s := &site{Options: o.Options, file: filepath.Join(dir, "director.flags")}
	if err := s.build(ctx); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	if err := s.write(1); err != nil {
		return r, err
	}
	if err := s.start(ctx); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.d.Stop()) }()
	client := api.Open(s.d.Control())
	defer client.Close()
	s.admin = api.Remote{Client: client, Context: ctx}
	var all []Usage
	begin := time.Now()
	for reported := begin; len(all) < o.Rounds || o.Rounds == 0 && time.Since(begin) < o.Duration; {
		if err := s.round(len(all)); err != nil {
			return r, fmt.Errorf("round %d: %w", len(all), err)
		}
		u, err := s.usage()
		if err != nil {
			return r, err
		}
		all = append(all, u)
		if time.Since(reported) >= reportEvery {
			reported = time.Now()
			fmt.Fprintf(o.Progress, "%v, %d rounds: %.0f MB, %.1f MB of live heap, %g goroutines, %g threads, %g descriptors\n",
				time.Since(begin).Round(time.Second), len(all), u.Memory, u.Heap, u.Goroutines, u.Threads, u.Descriptors)
		}
	}
	n := len(all)
	if n < 4 {
		return r, fmt.Errorf("only %d rounds in %v: give more time", n, o.Duration)
	}
	return Soak{Rounds: n, Seconds: time.Since(begin).Seconds(), Third: quarter(all[n/2 : n*3/4]), Last: quarter(all[n*3/4:])}, nil
}

// quarter sums up the usage after some rounds.
func quarter(all []Usage) Usage {
	q := all[0]
	for _, u := range all {
		q.Memory, q.Heap = max(q.Memory, u.Memory), max(q.Heap, u.Heap)
		q.Goroutines, q.Threads, q.Descriptors = min(q.Goroutines, u.Goroutines), min(q.Threads, u.Threads), min(q.Descriptors, u.Descriptors)
	}
	return q
}

// lasting is how many rounds a service of a round lasts.
const lasting = 10

// round does everything once.
func (s *site) round(n int) error {
	return errors.Join(s.rules(n), s.write(int32(1+n%7)), s.reload(n), s.record(), s.list(n), s.read())
}

// key returns the service of a round. There are a thousand of them, in turn.
func key(n int) service.Key {
	return service.Key{Addr: packet.AddrFrom4(10<<24 + 101<<16 + uint32(n%1000)), Port: 80, Proto: packet.ProtoTCP}
}

// rules adds a service with servers, changes one of them, and removes an older service.
func (s *site) rules(n int) error {
	k := key(n)
	err := s.admin.AddService(service.Spec{Key: k, Scheduler: "wlc"})
	for i := range 5 {
		to := service.ServerSpec{Addr: server(n + i), Port: uint16(1024 + n%1000), Method: service.NAT, Weight: 1}
		err = errors.Join(err, s.admin.AddServer(k, to))
		to.Weight = 2
		err = errors.Join(err, s.admin.EditServer(k, to))
	}
	if n >= lasting {
		err = errors.Join(err, s.admin.DeleteService(key(n-lasting)))
	}
	return err
}

// record makes a short capture.
func (s *site) record() error {
	o := capture.DefaultOptions()
	o.Duration = 10 * time.Millisecond
	_, err := capture.Fetch(s.admin.Context, s.admin.Client, o, io.Discard)
	return err
}

// read reads all pages of the HTTP listener.
func (s *site) read() error {
	for _, path := range []string{"/metrics", "/metrics/ipvs", "/", "/?part=main", "/healthz"} {
		r, err := s.http.Get("http://" + httpAddress + path)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, r.Body)
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("status %s", r.Status)
		}
		if err = errors.Join(err, r.Body.Close()); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// usage asks the kernel and the director what the director uses now.
func (s *site) usage() (u Usage, err error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.d.PID()))
	if err != nil {
		return u, err
	}
	for _, line := range strings.Split(string(status), "\n") {
		name, rest, _ := strings.Cut(line, ":")
		if n, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64); err == nil {
			switch name {
			case "VmRSS":
				u.Memory = n * 1024 / 1e6
			case "Threads":
				u.Threads = n
			}
		}
	}
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.d.PID()))
	if err != nil {
		return u, err
	}
	u.Descriptors = float64(len(open))
	r, err := s.http.Get("http://" + httpAddress + "/metrics?name[]=go_goroutines&name[]=go_gc_heap_live_bytes")
	if err != nil {
		return u, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return u, err
	}
	for name, to := range map[string]*float64{"go_goroutines": &u.Goroutines, "go_gc_heap_live_bytes": &u.Heap} {
		_, rest, found := strings.Cut(string(text), "\n"+name+" ")
		value, _, _ := strings.Cut(rest, "\n")
		if *to, err = strconv.ParseFloat(value, 64); !found || err != nil {
			return u, fmt.Errorf("no %s in\n%s", name, text)
		}
	}
	u.Heap /= 1e6
	return u, nil
}
