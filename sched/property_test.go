package sched_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"director/packet"
	"director/sched"
)

// world is a service whose scheduler is compared with its model while everything
// changes that can.
type world struct {
	t     testing.TB
	name  string
	flags sched.Flags
	r     *rand.Rand
	limit int   // of servers at a time
	heavy int64 // limit of weights
	drain int64 // limit of how many connections end at once
	now   int64

	scheduler sched.Scheduler
	pos       *sched.Position
	list      sched.Servers
	tunables  *sched.Tunables

	model  model
	head   *dest
	known  []*dest // in the service or not
	expiry int64

	seed        uint64
	history     []event
	found, none int
}

// event is an operation, to be told if the schedulers disagree.
type event struct {
	what string
	args [3]any
}

// mostKnown bounds how many servers a service ever has. lblcr never has reason
// to forget one.
const mostKnown = 14

func newWorld(t testing.TB, name string, flags sched.Flags, seed uint64) *world {
	w := &world{t: t, name: name, flags: flags, seed: seed, r: rand.New(rand.NewPCG(seed, 99)), head: newRing(), tunables: sched.NewTunables(), expiry: day}
	w.limit = 1 + w.r.IntN(10)
	w.heavy = []int64{1, 3, 10, 60, 300}[w.r.IntN(5)]
	w.drain = []int64{1, 2, 5, 50}[w.r.IntN(4)]
	w.now = w.r.Int64N(day) + 1
	w.away(w.r.IntN(4))
	return w
}

// compare lets so many operations happen, of which changes in 100 change the
// list.
func (w *world) compare(operations, changes int) {
	for range operations {
		switch n := w.r.IntN(100); {
		case n < changes:
			w.change()
		case n < changes+4:
			w.rate()
		case n < changes+35:
			w.count()
		default:
			w.pick()
		}
	}
}

func (w *world) log(what string, args ...any) {
	e := event{what: what}
	copy(e.args[:], args)
	w.history = append(w.history, e)
}

// change changes the list, and now and then the scheduler or the time-outs.
func (w *world) change() {
	switch n := w.r.IntN(20); {
	case n < 6:
		w.add()
	case n < 10:
		w.remove()
	case n < 17:
		w.edit()
	case n < 19:
		w.expiry = []int64{0, 90 * second, 3600 * second, day}[w.r.IntN(4)]
		w.tunables.LBLCExpiry.Store(w.expiry)
		w.tunables.LBLCRExpiry.Store(w.expiry)
		w.log("expiry", w.expiry)
	default:
		w.away(w.r.IntN(6))
	}
}

// away removes the scheduler, makes changes that it does not see, and binds a new one.
func (w *world) away(changes int) {
	w.log("scheduler leaves")
	w.scheduler, w.model = nil, nil
	for range changes {
		w.change()
	}
	if w.scheduler != nil {
		return // one of the changes was away, and has bound one
	}
	s, err := sched.New(w.name, sched.Options{Flags: w.flags, Seed: seed, Tunables: w.tunables})
	if err != nil {
		w.t.Fatal(err)
	}
	if w.pos == nil {
		w.pos = new(sched.Position)
	}
	w.scheduler, w.model, w.list = s, newModel(w.name, w.flags, w.head, &w.expiry), w.servers()
	w.scheduler.Bind(w.list, w.pos)
	w.log("scheduler binds")
}

// servers makes a list of the ring.
func (w *world) servers() (list sched.Servers) {
	for _, d := range w.head.all() {
		list = append(list, sched.Server{Addr: d.addr, Port: d.port, Weight: int32(d.weight), LastWeight: int32(d.last), Load: d.load})
	}
	return list
}

// weight sets the weight of d to a new one, which is often 0.
func (w *world) weight(d *dest) {
	d.weight = 0
	if w.r.IntN(4) > 0 {
		d.weight = w.r.Int64N(1+w.heavy) / (1 + w.r.Int64N(5)) * (1 + w.r.Int64N(3))
	}
	if d.weight != 0 {
		d.last = d.weight
	}
}

func (w *world) add() {
	list := w.head.all()
	if len(list) >= w.limit {
		return
	}
	var d *dest
	if n := len(w.known); n > len(list) && (n == mostKnown || w.r.IntN(2) == 0) {
		for d = w.known[w.r.IntN(n)]; d.available; d = w.known[w.r.IntN(n)] {
		}
	} else {
		d = &dest{addr: address(w.r), port: uint16(80 + n), load: new(sched.Load)}
		w.known = append(w.known, d)
	}
	w.weight(d)
	w.head.insert(d)
	w.log("add", d, d.weight)
	w.list = w.servers()
	if w.scheduler != nil {
		w.scheduler.Added(w.list, w.pos)
		w.model.added(d)
	}
}

func (w *world) remove() {
	at, d := w.any()
	if d == nil {
		return
	}
	d.unlink()
	w.log("remove", d)
	w.list = w.servers()
	if w.scheduler != nil {
		w.scheduler.Removed(w.list, at, w.pos)
		w.model.removed(d)
	}
}

// edit changes a weight, or thresholds, of which the scheduler sees nothing.
func (w *world) edit() {
	at, d := w.any()
	if d == nil {
		return
	}
	if w.r.IntN(4) > 0 {
		w.weight(d)
	}
	w.log("edit", d, d.weight)
	w.list = w.servers()
	if w.scheduler != nil {
		w.scheduler.Edited(w.list, at, w.pos)
		w.model.edited(d)
	}
}

// any returns a server of the service, if there is one.
func (w *world) any() (at int, d *dest) {
	list := w.head.all()
	if len(list) == 0 {
		return 0, nil
	}
	at = w.r.IntN(len(list))
	return at, list[at]
}

// rate lets a server cross its thresholds, or all of them at once.
func (w *world) rate() {
	if len(w.known) == 0 {
		return
	}
	which, overloaded := w.r.IntN(len(w.known)), w.r.IntN(3) == 0
	all := w.r.IntN(4) == 0
	for i, d := range w.known {
		if all || i == which {
			d.overloaded = overloaded
			d.load.Overloaded.Store(overloaded)
			w.log("overloaded", d, overloaded)
		}
	}
}

// count lets a connection of a server begin or end or become active, whether the
// server is still in the service or not.
func (w *world) count() {
	if len(w.known) == 0 {
		return
	}
	d := w.known[w.r.IntN(len(w.known))]
	switch w.r.IntN(8) {
	case 0:
		d.total++
	case 1:
		d.active = min(d.active+1, d.total)
	case 2:
		d.active = max(d.active-1, 0)
	default:
		d.total = max(d.total-1-w.r.Int64N(w.drain), 0)
		d.active = min(d.active, d.total)
	}
	d.load.Active.Store(d.active)
	d.load.Total.Store(d.total)
	w.log("connections", d, d.active, d.total)
}

// pick asks where connections would go, and then lets one begin.
func (w *world) pick() {
	if w.now += w.r.Int64N(3 * second); w.r.IntN(100) == 0 {
		w.now += w.r.Int64N(day)
	}
	for range w.r.IntN(3) {
		pos := *w.pos
		w.scheduler.Pick(randomFlow(w.r), w.now, w.list, &pos)
	}
	f := randomFlow(w.r)
	pos := *w.pos
	said, saidOK := w.scheduler.Pick(f, w.now, w.list, &pos)
	got, ok := w.scheduler.Pick(f, w.now, w.list, w.pos)
	want := w.model.pick(f, w.now)
	if ok != (want != nil) || ok && w.list[got].Load != want.load {
		w.fail("%v -> %v at %d: picked %s, want %v", f.Src, f.Dst, w.now, w.told(got, ok), want)
	}
	if said != got || saidOK != ok {
		w.fail("%v -> %v at %d: said %s, then picked %s", f.Src, f.Dst, w.now, w.told(said, saidOK), w.told(got, ok))
	}
	w.log("picked", want, w.now)
	if !ok {
		w.none++
		return
	}
	w.found++
	want.total++
	want.active += w.r.Int64N(2)
	want.load.Active.Store(want.active)
	want.load.Total.Store(want.total)
}

func (w *world) told(i int, ok bool) string {
	if !ok {
		return "none"
	}
	return fmt.Sprint(w.list[i].Addr, ":", w.list[i].Port)
}

func (d *dest) String() string {
	if d == nil {
		return "none"
	}
	return fmt.Sprint(d.addr, ":", d.port)
}

// fail ends the test with what happened before.
func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %#x, seed %d, operation %d: ", w.name, uint8(w.flags), w.seed, len(w.history))
	fmt.Fprintf(&b, format, args...)
	b.WriteString("\nservers in list order:")
	for _, d := range w.head.all() {
		fmt.Fprintf(&b, "\n  %v weight %d last %d active %d total %d overloaded %v", d, d.weight, d.last, d.active, d.total, d.overloaded)
	}
	b.WriteString("\nlast operations:")
	for _, e := range w.history[max(0, len(w.history)-30):] {
		fmt.Fprintf(&b, "\n  %s", e.what)
		for _, arg := range e.args {
			if arg != nil {
				fmt.Fprintf(&b, " %v", arg)
			}
		}
	}
	w.t.Fatal(b.String())
}

// address is mostly of IPv4.
func address(r *rand.Rand) packet.Addr {
	if r.IntN(8) == 0 {
		return packet.Addr{Hi: 0x20010db800000000 | r.Uint64()>>32, Lo: r.Uint64()}
	}
	return packet.AddrFrom4(r.Uint32())
}

func randomFlow(r *rand.Rand) *packet.Flow {
	return &packet.Flow{
		Src: address(r), SrcPort: uint16(r.Uint32()),
		Dst: packet.AddrFrom4(0xc0000200 + uint32(r.IntN(20))), DstPort: 80, Proto: packet.ProtoTCP,
	}
}

// TestSchedulers_AgreeWithASlowModel compares each scheduler with its model over
// 100 000 operations.
func TestSchedulers_AgreeWithASlowModel(t *testing.T) {
	const operations = 5000 // of one world
	for _, name := range sched.Names() {
		worlds, changes, flags := 20, []int{1, 5, 15, 30}, []sched.Flags{0}
		switch name {
		case "mh":
			changes = []int{1, 2} // each fills a table
			fallthrough
		case "sh":
			worlds, flags = 5, []sched.Flags{0, sched.Fallback, sched.Port, sched.Fallback | sched.Port}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found, none := 0, 0
			for _, flags := range flags {
				for n := range worlds {
					w := newWorld(t, name, flags, uint64(n))
					w.compare(operations, changes[n%len(changes)])
					found, none = found+w.found, none+w.none
				}
			}
			if least := operations * worlds * len(flags) / 20; name != "none" && found < least || none < least {
				t.Errorf("picked %d times somebody, %d times nobody, want at least %d of each", found, none, least)
			}
		})
	}
}

func FuzzSchedulers_AgreeWithASlowModel(f *testing.F) {
	names := sched.Names()
	f.Add(uint8(0), uint8(0), uint64(1))
	f.Fuzz(func(t *testing.T, name, flags uint8, seed uint64) {
		w := newWorld(t, names[int(name)%len(names)], sched.Flags(flags), seed)
		w.compare(2000, 5)
	})
}
