package micro

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"runtime/pprof"
	"time"

	"director/conntrack"
	"director/internal/arena"
	"director/packet"
	"director/service"
)

// Options configure the measurement. A zero value stands for the value in Defaults,
// if there is one.
type Options struct {
	// CPUs are the CPUs of the workers. Rows with one worker use the first.
	CPUs []int
	// Pin pins the calling thread to a CPU; nil: threads are not pinned.
	Pin func(cpu int) error
	// Repetitions is how often all rows are measured in turn, Time how long a row
	// is measured in each repetition.
	Repetitions int
	Time        time.Duration
	// Area is the size, in bytes, of the memory that the reference reads use.
	Area int
	// TableSize is the largest number of connections in a director's table.
	TableSize int
	// SmallPages puts tables, frames and memory on normal pages instead of huge
	// ones, to show the effect of huge pages.
	SmallPages bool
	// Flows are the numbers of connections, ascending. The last one is used in the
	// rows about many connections.
	Flows []uint32
	// Only selects rows by their names; nil: all. The floor and memory are always
	// measured.
	Only *regexp.Regexp
	// Profile receives a CPU profile of the repetitions; nil: none.
	Profile io.Writer
	// Progress, if set, is called with the name of each step that begins.
	Progress func(text string)

	quick bool
}

// Defaults returns the options of a full run on one CPU.
func Defaults() Options {
	return Options{
		CPUs:        []int{0},
		Repetitions: 15,
		Time:        50 * time.Millisecond,
		Area:        192 << 20,
		TableSize:   1 << 20,
		Flows:       []uint32{1, 1000, 64_000, 1_000_000},
	}
}

// Quick returns the options with values for a run of seconds. It shows that all
// rows work and that nothing allocates. No figure is judged.
func (o Options) Quick() Options {
	o.quick = true
	// The Go runtime itself allocates sometimes. A row's own allocations are those
	// that occur in every repetition.
	o.Repetitions, o.Time, o.Area = 4, time.Millisecond, 16<<20
	return o
}

// ErrOptions is wrapped by errors about options that cannot be measured.
var ErrOptions = errors.New("the benchmark cannot be run as asked")

// bench is one run.
type bench struct {
	Options
	ports  []*port
	area   *area
	rigs   map[rigKey]*rig
	others []*rig

	memory, floor row
	cases         []*caseRow
	stages        []*stageRow
	scaling       []*scalingRow
	burst         *burst
	flood         *flood
	perConn       *float64 // bytes per connection
}

type rigKey struct {
	method service.Method
	flows  uint32
}

// caseRow is a row of the main table.
type caseRow struct {
	row
	path  path
	fresh bool
	flows uint32
}

// Run measures the rows and returns the result.
func Run(o Options) (*Result, error) {
	if len(o.CPUs) == 0 || o.Repetitions < 1 || o.Time <= 0 || len(o.Flows) == 0 {
		return nil, fmt.Errorf("%w: want at least one CPU, one repetition, a time and flows", ErrOptions)
	}
	if o.TableSize < 1 || o.TableSize > conntrack.MaxSize {
		return nil, fmt.Errorf("%w: want a table for 1 to %d connections, got %d", ErrOptions, conntrack.MaxSize, o.TableSize)
	}
	if o.SmallPages {
		if err := arena.HugePages(false); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrOptions, err)
		}
		defer func() { _ = arena.HugePages(true) }() // cannot fail: it worked before
	}
	// The workers never yield their processors, and other goroutines need some.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(len(o.CPUs) + 2))
	b := &bench{Options: o, rigs: map[rigKey]*rig{}}
	defer b.close()
	var result *Result
	err := b.bound(o.CPUs[0], func() error {
		if err := b.prepare(); err != nil {
			return err
		}
		if err := b.repeat(); err != nil {
			return err
		}
		result = b.result()
		return nil
	})
	return result, err
}

func (b *bench) say(format string, args ...any) {
	if b.Progress != nil {
		b.Progress(fmt.Sprintf(format, args...))
	}
}

// wants reports whether a row is selected.
func (b *bench) wants(name string) bool { return b.Only == nil || b.Only.MatchString(name) }

// rig returns the director for a path with this number of established connections.
// Directors are shared between rows.
func (b *bench) rig(p path, flows uint32) (*rig, error) {
	key := rigKey{p.method, flows}
	if r := b.rigs[key]; r != nil {
		return r, nil
	}
	b.say("%s: %s connections", p.method, flowName(flows))
	r, err := newRig(p, b.TableSize, b.ports)
	if err != nil {
		return nil, err
	}
	b.rigs[key] = r
	return r, r.establish(flows)
}

// prepare makes the selected rows and what they need.
func (b *bench) prepare() error {
	for range b.CPUs {
		p, err := newPort()
		if err != nil {
			return err
		}
		b.ports = append(b.ports, p)
	}
	b.say("memory")
	var err error
	if b.area, err = newArea(b.Area); err != nil {
		return err
	}
	many := b.Flows[len(b.Flows)-1]
	if b.wants("footprint") {
		bytes, ok, err := b.footprint(many)
		if err != nil {
			return err
		}
		if ok {
			b.perConn = &bytes
		}
	}
	b.compareWith(many)
	for _, make := range []func(many uint32) error{b.makeCases, b.makeStages, b.makeScaling} {
		if err := make(many); err != nil {
			return err
		}
	}
	if b.wants("batch") {
		b.say("connections that end")
		if b.burst, err = b.bursts(); err != nil {
			return err
		}
	}
	if b.wants("flood") {
		b.say("a full table")
		if b.flood, err = b.floods(); err != nil {
			return err
		}
	}
	if len(b.turns()) == references && b.perConn == nil {
		return fmt.Errorf("%w: no row has a name that matches %s", ErrOptions, b.Only)
	}
	return nil
}

// compareWith makes the reference rows, with which all others are compared.
func (b *bench) compareWith(many uint32) {
	b.memory = row{name: "memory", measure: func(d time.Duration) (sample, error) { return b.area.memory(d), nil }}
	t := newTraffic(paths[0], [servers]uint32{}, many, 1)
	var batch packet.Batch
	b.floor = row{name: "floor", measure: func(d time.Duration) (sample, error) {
		b.ports[0].traffic = t
		return repeat(d, func() (int, error) { return floor(b.ports[0], &batch) })
	}}
}

func (b *bench) makeCases(uint32) error {
	for _, p := range paths {
		for _, fresh := range []bool{false, true} {
			for _, flows := range b.Flows {
				prepare, name := b.hit, caseName(p, flows, fresh)
				if fresh {
					prepare = b.begin
				}
				if fresh && p.reply || !b.wants(name) {
					continue
				}
				measure, err := prepare(p, flows)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				b.cases = append(b.cases, &caseRow{row{name: name, measure: measure}, p, fresh, flows})
			}
		}
	}
	return nil
}

func (b *bench) makeStages(many uint32) error {
	for _, p := range paths {
		for _, c := range []struct {
			flows uint32
			fresh bool
		}{{b.Flows[0], false}, {many, false}, {many, true}} {
			if c.fresh && p.reply || !b.wants(stageRowName(p, c.flows, c.fresh)) {
				continue
			}
			s, err := b.stagesOf(p, c.flows, c.fresh)
			if err != nil {
				return err
			}
			b.stages = append(b.stages, s)
		}
	}
	return nil
}

func (b *bench) makeScaling(many uint32) error {
	for _, kind := range []string{scaleFloor, scaleHit, scaleGiant, scaleNew} {
		for _, workers := range workerCounts(len(b.CPUs)) {
			if !b.wants(scalingName(kind, workers)) {
				continue
			}
			s, err := b.scale(kind, workers, many)
			if err != nil {
				return err
			}
			b.scaling = append(b.scaling, s)
		}
	}
	return nil
}

// repeat measures all rows in turn, once in each repetition.
func (b *bench) repeat() error {
	if b.Profile != nil {
		if err := pprof.StartCPUProfile(b.Profile); err != nil {
			return fmt.Errorf("begin the CPU profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}
	for i := range b.Repetitions {
		b.say("repetition %d of %d", i+1, b.Repetitions)
		if err := b.round(); err != nil {
			return err
		}
	}
	return nil
}

// round measures each row once. The samples of a profile are labelled with the name
// of the row.
func (b *bench) round() (err error) {
	for _, t := range b.turns() {
		pprof.Do(context.Background(), pprof.Labels("row", t.name), func(context.Context) { err = t.take(b.Time) })
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return nil
}

// references is how many reference rows there are.
const references = 2

// turn is the measurement of one row in a round.
type turn struct {
	name string
	take func(d time.Duration) error
}

// turns lists all rows.
func (b *bench) turns() []turn {
	turns := []turn{{b.memory.name, b.memory.take}, {b.floor.name, b.floor.take}}
	for _, r := range b.cases {
		turns = append(turns, turn{r.name, r.take})
	}
	for _, r := range b.stages {
		turns = append(turns, turn{r.name, r.take})
	}
	for _, r := range b.scaling {
		turns = append(turns, turn{r.name, r.take})
	}
	if b.burst != nil {
		turns = append(turns, turn{"batch", b.burst.take})
	}
	if b.flood != nil {
		turns = append(turns, turn{"flood", b.flood.take})
	}
	return turns
}

// close frees the memory of the tables.
func (b *bench) close() {
	if b.area != nil {
		b.area.close()
	}
	for _, r := range b.rigs {
		r.close()
	}
	for _, r := range b.others {
		r.close()
	}
	for _, p := range b.ports {
		_ = p.Close() // memory only: nothing is lost
	}
}
