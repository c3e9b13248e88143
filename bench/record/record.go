// Package record writes down what the benchmarks found, in a form that is kept:
// the figures and whether they are reached, what they were taken on and by which
// build, how to take them again, and whether the machine was quiet enough for
// that to mean anything.
package record

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"director/bench/figure"
	"director/bench/machine"
)

// Record is a run of benchmarks.
type Record struct {
	Begin    time.Time
	Machine  machine.Facts    // when it began
	Build    *debug.BuildInfo // of the program that measured; nil: it has none
	Commit   string           // that it was built from, as somebody says; the binary's own stamp is preferred
	Commands []string         // that take all of it again
	Quick    bool             // only to see that it works: no figure is judged
	Parts    []Part
}

// Part is one benchmark.
type Part struct {
	Name    string
	Command string // that takes this part again
	Missing string // why it was not taken; empty: it was

	Took    time.Duration
	Figures []figure.Figure
	Steady  []Row // what the director has no part in, and so should not vary
	// Used is what became of the CPUs meanwhile; nil: nobody knows. Others is
	// told from what the benchmark itself used only if Alone: not if the kernel
	// works for it too.
	Used   *machine.Usage
	Alone  bool
	Tables string // all that it found, as it prints it
}

// Row is the repetitions of a measurement.
type Row struct {
	Name   string
	Spread figure.Spread
}

// What a quiet machine stays within.
const (
	// quietLoad is the most that the load average of a minute may be at the
	// beginning, in running threads.
	quietLoad = 0.5
	// quietSpread is how far the repetitions of a steady row may be from their
	// median: neither the least nor the most is more times away from it.
	quietSpread = 1.15
	// quietShare is what others may have of the CPUs while it is measured, and
	// what a hypervisor may keep. A kernel that counts in ticks of 10 ms is not
	// more exact than this.
	quietShare = 0.02
)

// Disturbances says what spoke against a quiet machine, a line each.
func (r *Record) Disturbances() (all []string) {
	first, _, _ := strings.Cut(r.Machine.Load, " ")
	switch load, err := strconv.ParseFloat(first, 64); {
	case err != nil:
		all = append(all, "the load average at the beginning is unknown")
	case load > quietLoad:
		all = append(all, fmt.Sprintf("the load average was %.2f at the beginning, more than %g", load, quietLoad))
	}
	for i := range r.Parts {
		all = append(all, r.Parts[i].disturbances()...)
	}
	return all
}

func (p *Part) disturbances() (all []string) {
	add := func(format string, args ...any) { all = append(all, p.Name+": "+fmt.Sprintf(format, args...)) }
	for _, row := range p.Steady {
		if most := row.Spread.Max / row.Spread.Median; most > quietSpread {
			add("the most of %s is %.2f times the median, more than %g", row.Name, most, quietSpread)
		}
		if least := row.Spread.Median / row.Spread.Min; least > quietSpread {
			add("the median of %s is %.2f times the least, more than %g", row.Name, least, quietSpread)
		}
	}
	if p.Used == nil {
		return all
	}
	if others := p.Used.Share(p.Used.Others); p.Alone && others > quietShare {
		add("others had %.1f %% of the CPUs, more than %g %%", others*100, quietShare*100)
	}
	if stolen := p.Used.Share(p.Used.Stolen); stolen > quietShare {
		add("the hypervisor kept %.1f %% of the CPUs, more than %g %%", stolen*100, quietShare*100)
	}
	return all
}

// Save writes the record to a new file in a directory, which is made if need
// be, and returns its name: the date, the machine, and a number if there is one
// of that name already.
func (r *Record) Save(dir string) (name string, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	base := filepath.Join(dir, r.Begin.UTC().Format(time.DateOnly)+"-"+r.Machine.Slug())
	name = base + ".md"
	f, err := create(name)
	for n := 2; errors.Is(err, fs.ErrExist); n++ {
		name = fmt.Sprintf("%s-%d.md", base, n)
		f, err = create(name)
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(r.String())
	return name, errors.Join(err, f.Close())
}

// create makes a file that is not there.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
