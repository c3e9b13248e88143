package control_test

import (
	"errors"
	"testing"

	"director/control"
	"director/dataplane/sysctl"
	"director/internal/memlab"
	"director/neigh"
	"director/service"
)

// countingJournal counts the entries since the journal was written anew.
type countingJournal struct {
	entries, most, anew int
	refuse              error
}

func (j *countingJournal) Append(control.Drift) error {
	j.entries++
	j.most = max(j.most, j.entries)
	return j.refuse
}

func (j *countingJournal) Replace(control.Drift) error {
	j.entries = 0
	j.anew++
	return j.refuse
}

// recorded returns a Control that j records.
func recorded(t *testing.T, j control.Journal) *control.Control {
	t.Helper()
	c := control.New(control.Options{
		Shared: memlab.New(t, memlab.Options{}).Shared, Workers: 1, Sysctl: sysctl.Defaults(), Journal: j,
		Timeouts: service.Timeouts{TCP: 900, TCPFIN: 120, UDP: 300},
		Hops: func(t *service.Table) *neigh.Table {
			return neigh.New(memlab.OneLink(), control.Addresses(t))
		},
	})
	if err := c.Begin(c.Settings(), control.Drift{}); err != nil {
		t.Fatal(err)
	}
	return c
}

// A script that sets a value again and again does not let the journal grow without bound,
// whatever the kind of the value.
func TestJournal_DoesNotGrowWithoutBound(t *testing.T) {
	const changes, bound = 20_000, 5_000
	for what, change := range map[string]func(c *control.Control, n int) error{
		"sysctls":   func(c *control.Control, n int) error { return c.SetSysctl("drop_entry", []string{"0", "3"}[n%2]) },
		"time-outs": func(c *control.Control, n int) error { return c.SetTimeouts(service.Timeouts{TCP: uint32(1 + n%2)}) },
	} {
		j := &countingJournal{}
		c := recorded(t, j)
		for n := range changes {
			if err := change(c, n); err != nil {
				t.Fatal(err)
			}
		}
		if j.most > bound || j.anew < 1+changes/bound {
			t.Errorf("%s: up to %d entries, written anew %d times after %d changes", what, j.most, j.anew, changes)
		}
	}
}

// After an error all is written anew, by the next change or by Record.
func TestRecord_RepeatsWhatHasFailed(t *testing.T) {
	j := &countingJournal{}
	c := recorded(t, j)
	j.refuse = errors.New("the disk is full")
	if err := c.SetSysctl("drop_entry", "3"); err != nil {
		t.Fatal(err)
	}
	before := j.anew
	c.Record()
	j.refuse = nil
	c.Record()
	if got := j.anew - before; got != 2 {
		t.Errorf("written anew %d times, want in vain and then with success", got)
	}
	c.Record()
	if got := j.anew - before; got != 2 {
		t.Errorf("written again without need: %d times", got)
	}
}
