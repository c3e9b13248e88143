// Package record writes the results of the benchmarks to a file that is kept: the
// figures and whether they meet their targets, the machine and the build, the
// commands that repeat the measurement, and whether the machine was quiet enough
// for reliable figures.
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
	Machine  machine.Facts    // at the beginning
	Build    *debug.BuildInfo // of the program that measured; nil: unknown
	Commit   string           // from which it was built, as given by the caller; the VCS stamp of the binary has priority
	Commands []string         // that repeat the whole run
	Quick    bool             // a short run that only shows that it works: no figure is judged
	Parts    []Part
}

// Part is one benchmark.
type Part struct {
	Name    string
	Command string // that repeats this part
	Missing string // why it was not run; empty: it was

	Took    time.Duration
	Figures []figure.Figure
	Steady  []Row // rows that do not depend on the director and so should not vary
	// Used is the CPU usage during the part; nil: unknown. Others is meaningful
	// only if Alone, because it is computed from the benchmark's own usage: that is
	// not possible if the kernel works for the benchmark too.
	Used   *machine.Usage
	Alone  bool
	Tables string // the full output
}

// Row holds the repetitions of a measurement.
type Row struct {
	Name   string
	Spread figure.Spread
}

// Limits of a quiet machine.
const (
	// quietLoad is the highest load average of one minute at the beginning, in
	// running threads.
	quietLoad = 0.5
	// quietSpread is the largest ratio of maximum to median, and of median to
	// minimum, of a steady row.
	quietSpread = 1.15
	// quietShare is the largest share of the CPUs that other processes, or the
	// hypervisor, may use during the measurement. A kernel that counts in ticks of
	// 10 ms is not more exact than this.
	quietShare = 0.02
)

// Disturbances returns the reasons why the machine was not quiet, one in each line.
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
			add("the maximum of %s is %.2f times the median, more than %g", row.Name, most, quietSpread)
		}
		if least := row.Spread.Median / row.Spread.Min; least > quietSpread {
			add("the median of %s is %.2f times the minimum, more than %g", row.Name, least, quietSpread)
		}
	}
	if p.Used == nil {
		return all
	}
	if others := p.Used.Share(p.Used.Others); p.Alone && others > quietShare {
		add("other processes used %.1f %% of the CPUs, more than %g %%", others*100, quietShare*100)
	}
	if stolen := p.Used.Share(p.Used.Stolen); stolen > quietShare {
		add("the hypervisor took %.1f %% of the CPUs, more than %g %%", stolen*100, quietShare*100)
	}
	return all
}

// Save writes the record to a new file in a directory, which it creates if
// necessary, and returns the file name. The name consists of the date, the machine,
// and a number if the name exists already.
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

// create makes a file, which must not exist.
func create(name string) (*os.File, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
}
