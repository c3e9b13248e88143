package load_test

import (
	"errors"
	"io"
	"net"
	"os/exec"
	"testing"
	"time"

	"director/bench/fetch"
	"director/bench/load"
	"director/bench/server"
)

// Other programs report the same counts as our engine for the same plan.
func TestWith_AgreesWithOurs(t *testing.T) {
	at := startServer(t, server.Options{Name: "rs1"})
	p := load.Plan{Target: at, Rate: 200, Duration: time.Second, Timeout: 5 * time.Second}
	ours := drive(t, p)
	for _, program := range load.Programs {
		t.Run(program, func(t *testing.T) {
			if _, err := exec.LookPath(program); err != nil {
				t.Skip(err)
			}
			r, err := p.With(t.Context(), program)
			if err != nil {
				t.Fatal(err)
			}
			if program == "wrk" { // it has no constant rate
				if r.Replies == 0 || r.Failed() != 0 || r.Verdict() != load.RateNotDetermined || r.Uncorrected.P50 <= 0 {
					t.Errorf("%+v", r)
				}
				return
			}
			if r.Replies != ours.Replies || r.Connected != ours.Connected || r.Failed() != ours.Failed() {
				t.Errorf("%d connections, %d replies, %d failed; ours %d, %d, %d", r.Connected, r.Replies, r.Failed(), ours.Connected, ours.Replies, ours.Failed())
			}
			if r.Uncorrected.Mean <= 0 || r.CPU.Total() <= 0 {
				t.Errorf("times %+v, CPU %+v", r.Uncorrected.Summary, r.CPU)
			}
		})
	}
	if _, err := p.With(t.Context(), "ab"); !errors.Is(err, load.ErrPlan) {
		t.Errorf("an unknown program: %v", err)
	}
}

func TestWith_CountsErrors(t *testing.T) {
	if _, err := exec.LookPath("httperf"); err != nil {
		t.Skip(err)
	}
	at := listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	r, err := load.Plan{Target: at, Rate: 50, Duration: 200 * time.Millisecond, Timeout: 100 * time.Millisecond}.With(t.Context(), "httperf")
	if err != nil {
		t.Fatal(err)
	}
	if r.Errors[fetch.Timeout] != 10 || r.Replies != 0 {
		t.Errorf("%d replies, errors %v; want 10 time-outs", r.Replies, r.Errors)
	}
}
