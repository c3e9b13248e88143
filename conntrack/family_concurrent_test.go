package conntrack_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"director/conntrack"
	"director/packet"
)

// tallyman counts the connections that workers began and ended.
type tallyman struct{ conns, templates, active atomic.Int64 }

func (m *tallyman) began(c *conntrack.Conn) { m.count(c, 1) }
func (m *tallyman) ended(c *conntrack.Conn) { m.count(c, -1) }

func (m *tallyman) count(c *conntrack.Conn, by int64) {
	if c.Is(conntrack.Template) {
		m.templates.Add(by)
		return
	}
	m.conns.Add(by)
	if c.State().Active() {
		m.active.Add(by)
	}
}

// In TestFamilies_UnderConcurrentUse, workers insert, find, end and hide the same few
// connections and their templates, in a table that is too small. Other goroutines list
// and thin the table. At the end, the counts must be right, and no parent may stay because
// of a child that has ended.
func TestFamilies_UnderConcurrentUse(t *testing.T) {
	const workers, flows, clients = 4, 300, 10
	table := newTable(t, 200)
	var men tallyman
	var clock atomic.Int64
	var wg sync.WaitGroup
	for id := range workers {
		wg.Go(func() {
			w := familyWorker{table: table, men: &men, r: rand.New(rand.NewPCG(uint64(id), 6)), sweeper: table.Sweeper(id, workers)}
			if id == 0 {
				w.thinner = table.Thinner(1)
			}
			for range rounds(150_000) {
				w.now = clock.Add(second / 100)
				w.step(w.r.IntN(flows), w.r.IntN(clients))
				if t.Failed() {
					return
				}
			}
			if w.wrong != "" {
				t.Error(w.wrong)
			}
		})
	}
	wg.Wait()
	if got := men.conns.Load() + men.templates.Load(); int(got) != table.Used() {
		t.Errorf("%d connections and %d templates counted, %d in the table", men.conns.Load(), men.templates.Load(), table.Used())
	}
	if n := conntrack.Overlooked(table); n != 0 {
		t.Errorf("%d end before anybody looks at them", n)
	}
	active := int64(0)
	for info := range table.All() {
		if !info.Is(conntrack.Template) && info.State.Active() {
			active++
		}
	}
	if active != men.active.Load() {
		t.Errorf("%d active counted, %d in the table", men.active.Load(), active)
	}
	// First the children, then their parents must be removable.
	var dead [2]conntrack.Conn
	for range 2 {
		for info := range table.All() {
			table.Remove(info.ID, &dead)
		}
	}
	if table.Used() != 0 {
		t.Errorf("%d cannot end", table.Used())
	}
}

type familyWorker struct {
	table   *conntrack.Table
	men     *tallyman
	r       *rand.Rand
	sweeper *conntrack.Sweeper
	thinner *conntrack.Thinner
	now     int64
	wrong   string

	c, template, victim conntrack.Conn
	dead                [16]conntrack.Conn
}

func (w *familyWorker) insert(r *conntrack.Record, c *conntrack.Conn) {
	switch w.table.Insert(hashOf(w.table, r), r, c, &w.victim) {
	case conntrack.Evicted:
		w.men.ended(&w.victim)
		w.men.began(c)
	case conntrack.Inserted:
		w.men.began(c)
	}
}

func (w *familyWorker) end(c *conntrack.Conn) {
	var dead [2]conntrack.Conn
	for i := range w.table.Remove(c.Ref(), &dead) {
		w.men.ended(&dead[i])
	}
}

func (w *familyWorker) step(n, client int) {
	k := templateRecord(client<<14, 100, w.now)
	found := findTemplate(w.table, k.Key, "", &w.template)
	switch w.r.IntN(8) {
	case 0:
		w.insert(k, &w.template)
	case 1, 2:
		r := halfOpenRecord(n, nil, w.now)
		if found {
			r.Parent = w.template.Ref()
		}
		w.insert(r, &w.c)
	case 3, 4:
		w.packet(n)
	case 5:
		if !findIn(w.table, n, &w.c) {
			break
		}
		if w.end(&w.c); w.r.IntN(2) == 0 {
			w.table.Hide(w.c.Ref())
		}
	case 6:
		if found && w.r.IntN(20) == 0 {
			w.table.Invalidate(&w.template)
		}
		if w.thinner != nil {
			w.thinner.Thin(w.now, &timeouts, w.men.ended)
		}
		for info := range w.table.All() {
			if info.Is(conntrack.Template) == (info.Key.ClientPort != 0) {
				w.wrong = "the list shows a connection with another's parts"
			}
			break
		}
	case 7:
		ended, _ := w.sweeper.Sweep(w.now, 20, w.dead[:])
		for i := range ended {
			w.men.ended(&w.dead[i])
		}
	}
}

// packet runs the state machine for a packet of connection n.
func (w *familyWorker) packet(n int) {
	back := answer(n)
	dir := conntrack.In
	found := false
	if w.r.IntN(2) == 0 {
		found = findIn(w.table, n, &w.c)
	} else {
		dir = conntrack.Out
		found = w.table.FindOut(w.table.HashOut(&back), &back, &w.c)
	}
	if !found {
		return
	}
	if addr, _ := w.c.Target(); addr != target(n).Addr || w.c.Key().Proto != packet.ProtoTCP || w.c.Is(conntrack.Template) {
		w.wrong = "a packet finds another's connection"
	}
	ev := []conntrack.Event{conntrack.Ack, conntrack.Fin, conntrack.Reset, conntrack.Syn}[w.r.IntN(4)]
	w.men.active.Add(int64(w.table.Observe(&w.c, dir, ev, w.now, &conntrack.Normal, &timeouts).Active))
}
