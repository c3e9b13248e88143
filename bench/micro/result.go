package micro

import "director/bench/figure"

// Result is the result of a run. Its JSON is stable. Times are nanoseconds per
// packet, unless the name says otherwise. Ratios are ratios of medians.
type Result struct {
	Machine     Machine         `json:"machine"`
	Includes    string          `json:"includes"`
	CPUs        []int           `json:"cpus"`
	Pinned      bool            `json:"pinned"`
	Repetitions int             `json:"repetitions"`
	RowMillis   float64         `json:"row_ms"`
	TableSize   int             `json:"table_size"`
	SmallPages  bool            `json:"small_pages"`  // normal pages instead of huge ones
	Area        int             `json:"memory_bytes"` // size of the area of the reference reads
	Memory      Reference       `json:"memory"`
	Floor       Reference       `json:"floor"`
	Cases       []Case          `json:"cases"`
	Stages      []StageCase     `json:"stages"`
	Scaling     []Scaling       `json:"scaling"`
	Batch       []BatchTimes    `json:"batch"`
	Footprint   *Footprint      `json:"footprint,omitempty"` // nil: unknown on this system
	Figures     []figure.Figure `json:"figures"`
}

// Includes describes what the time of a case includes.
const includes = "director with one interface, one service (rr, 8 servers); per packet: the port writing the 64-byte frame of a random flow " +
	"into a 2 KiB chunk and taking its descriptor back, parsing, both checksums, look-up, state, deadline, counters, next hop, " +
	"rewriting (established connections are past the 15 packets that the table counts); per batch of 64: reading the clock, sweeping the table, publishing; not: system calls, a NIC, a second interface"

// Reference is a row with which cases are compared.
type Reference struct {
	NS    figure.Spread `json:"ns"`
	Ratio float64       `json:"ratio"` // to memory
}

// Case is a row of the main table.
type Case struct {
	Name   string        `json:"name"`
	Path   string        `json:"path"`
	New    bool          `json:"new"`
	Flows  uint32        `json:"flows"`
	NS     figure.Spread `json:"ns"`
	Mpps   float64       `json:"mpps"` // per core, from the median
	Allocs float64       `json:"allocs"`
	Ratio  float64       `json:"ratio"` // to memory
}

// StageCase is a case with the medians of its stages.
type StageCase struct {
	Name   string             `json:"name"`
	Stages map[string]float64 `json:"stages"` // only the stages that the case has
	Sum    float64            `json:"sum"`
	Whole  float64            `json:"whole,omitempty"` // the worker's own step, if that row was measured
}

// Scaling is a number of workers that share one table. Rates are millions of
// packets per second of all workers together.
type Scaling struct {
	Name    string        `json:"name"`
	Kind    string        `json:"kind"`
	Workers int           `json:"workers"`
	Flows   uint32        `json:"flows"`
	Mpps    figure.Spread `json:"mpps"`
	Speedup float64       `json:"speedup"` // compared with one worker without a lock
}

// BatchTimes are the medians of the repetitions' quantiles, in microseconds.
type BatchTimes struct {
	Expiring bool    `json:"expiring"`
	Flood    bool    `json:"flood"`
	P50      float64 `json:"p50_us"`
	P99      float64 `json:"p99_us"`
	P999     float64 `json:"p999_us"`
	Max      float64 `json:"max_us"`
	Ended    float64 `json:"ended"`      // connections that ended per batch, on average
	MostEnd  uint64  `json:"most_ended"` // in one batch, at most
	Lost     uint64  `json:"lost"`       // packets of established connections; a run that loses one fails
}

// Footprint is all memory of a director per connection.
type Footprint struct {
	Conns uint32  `json:"conns"`
	Bytes float64 `json:"bytes_per_conn"`
}

// result assembles the result of the run.
func (b *bench) result() *Result {
	r := &Result{
		Machine: here(), Includes: includes, CPUs: b.CPUs, Pinned: b.Pin != nil, Repetitions: b.Repetitions,
		RowMillis: b.Time.Seconds() * 1000, TableSize: b.TableSize, SmallPages: b.SmallPages, Area: b.Area,
	}
	memory := figure.SpreadOf(b.memory.samples)
	r.Memory = Reference{NS: memory, Ratio: 1}
	r.Floor = Reference{NS: figure.SpreadOf(b.floor.samples)}
	r.Floor.Ratio = r.Floor.NS.Median / memory.Median
	for _, c := range b.cases {
		r.Cases = append(r.Cases, c.result(memory.Median))
	}
	for _, s := range b.stages {
		out := s.result()
		for _, c := range r.Cases {
			if "stages/"+c.Name == out.Name {
				out.Whole = c.NS.Median
			}
		}
		r.Stages = append(r.Stages, out)
	}
	r.Scaling = b.scalingResult()
	if b.burst != nil {
		r.Batch = b.burst.result()
	}
	if b.flood != nil {
		r.Batch = append(r.Batch, b.flood.result())
	}
	if b.perConn != nil {
		r.Footprint = &Footprint{Conns: b.Flows[len(b.Flows)-1], Bytes: *b.perConn}
	}
	r.Figures = r.figures()
	if b.quick {
		figure.Unjudged(r.Figures)
	}
	return r
}

func (c *caseRow) result(memory float64) Case {
	ns := figure.SpreadOf(c.samples)
	return Case{
		Name: c.name, Path: c.path.name, New: c.fresh, Flows: c.flows,
		NS: ns, Mpps: 1000 / ns.Median, Ratio: ns.Median / memory,
		Allocs: float64(c.allocs) / (float64(c.packets) / float64(len(c.samples))),
	}
}

func (s *stageRow) result() StageCase {
	out := StageCase{Name: s.name, Stages: map[string]float64{}}
	for i := range stages {
		if s.has(i) {
			ns := figure.SpreadOf(s.samples[i]).Median
			out.Stages[stageNames[i]] = ns
			out.Sum += ns
		}
	}
	return out
}

// has reports whether packets of the case go through a stage.
func (s *stageRow) has(i stage) bool {
	switch i {
	case state:
		return !s.fresh
	case schedule, insert:
		return s.fresh
	}
	return true
}

func (b *bench) scalingResult() (all []Scaling) {
	one := map[string][]float64{} // rates of one worker, by repetition
	for _, s := range b.scaling {
		if s.workers == 1 {
			one[s.kind] = s.samples
		}
		base := one[s.kind]
		if s.kind == scaleGiant && one[scaleHit] != nil {
			base = one[scaleHit]
		}
		all = append(all, Scaling{
			Name: s.name, Kind: s.kind, Workers: s.workers, Flows: s.rig.flows,
			Mpps: figure.SpreadOf(s.samples), Speedup: speedup(s.samples, base),
		})
	}
	return all
}

// speedup returns the median ratio of samples to base, repetition by repetition, or
// 0 without a base. The rows of a repetition are measured one after the other, so a
// disturbance of the machine usually affects all of them or none.
func speedup(samples, base []float64) float64 {
	if base == nil {
		return 0
	}
	ratios := make([]float64, len(samples))
	for i := range samples {
		ratios[i] = samples[i] / base[i]
	}
	return figure.SpreadOf(ratios).Median
}

func batchTimes(q []quantiles) BatchTimes {
	return BatchTimes{
		P50:  medianOf(q, func(q quantiles) float64 { return q.p50 }),
		P99:  medianOf(q, func(q quantiles) float64 { return q.p99 }),
		P999: medianOf(q, func(q quantiles) float64 { return q.p999 }),
		Max:  medianOf(q, func(q quantiles) float64 { return q.most }),
	}
}

func (s *burst) result() []BatchTimes {
	steady, expiring := batchTimes(s.steady), batchTimes(s.expiring)
	expiring.Expiring, expiring.Ended, expiring.MostEnd = true, figure.SpreadOf(s.mean).Median, s.most
	return []BatchTimes{steady, expiring}
}

func (s *flood) result() BatchTimes {
	t := batchTimes(s.batches)
	t.Flood, t.Ended, t.MostEnd = true, flooding, flooding
	return t
}

// medianOf returns the median of one value of the samples.
func medianOf[T any](samples []T, value func(T) float64) float64 {
	var all []float64
	for _, s := range samples {
		all = append(all, value(s))
	}
	return figure.SpreadOf(all).Median
}
