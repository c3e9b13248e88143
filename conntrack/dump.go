package conntrack

import "iter"

// Saved is a connection as it outlives its table: what a later one, with another
// seed and another clock, needs to have it again.
type Saved struct {
	Key
	Target // Server is its number in the table that it comes from
	Kind   Kind
	State  State
	Number uint32 // of packets, or a template's time-out in seconds
	Left   int64  // nanoseconds until its deadline, 0 or less: its time is up
	Order  uint64 // which of two is the younger
	Data   string // of the template's persistence engine

	// ID is a number of its own, and Parent that of the connection that controls
	// it: one that came before, if HasParent.
	ID, Parent          uint32
	HasParent, Parental bool // Parental: others name it as theirs
}

// Dump yields a copy of each live connection and template, parents before their
// children. left is their time at now. Nobody may change the table meanwhile, and
// the caller must not keep what it is lent.
func (t *Table) Dump(now int64) iter.Seq2[*Saved, *Conn] {
	return func(yield func(*Saved, *Conn) bool) {
		var s Saved
		var c Conn
		// Families are two generations, three where FTP is persistent. The last
		// round is the one that finds nobody.
		for generation, found := 0, true; found; generation++ {
			found = false
			for i := range t.shards {
				sh := &t.shards[i]
				for index := sh.first; index < sh.fresh.Load(); index++ {
					e := &t.entries[index]
					if !e.read(index, &c) || t.generation(e) != generation {
						continue
					}
					found = true
					t.describe(e, &c, now, &s)
					if !yield(&s, &c) {
						return
					}
				}
			}
		}
	}
}

// generation returns how many ancestors a live entry has.
func (t *Table) generation(e *entry) (n int) {
	for parent := uint32(e.family.Load()); parent != 0; n++ {
		parent = uint32(t.entries[parent-1].family.Load())
	}
	return n
}

// describe fills in s from an entry of which c is a copy.
func (t *Table) describe(e *entry, c *Conn, now int64, s *Saved) {
	addr, port := c.Target()
	parent := uint32(e.family.Load())
	*s = Saved{
		Key:    c.Key(),
		Target: Target{Addr: addr, Port: port, Method: c.Method(), Server: c.Server()},
		Kind:   Kind(c.srvWord) &^ methodMask,
		State:  c.State(),
		Number: c.number(),
		Left:   e.deadline.Load() - now,
		Order:  e.order.Load(),

		ID: c.index, HasParent: parent != 0, Parental: e.children() != 0,
	}
	if s.HasParent {
		s.Parent = parent - 1
	}
	if s.Kind&Engine != 0 {
		s.Data = t.data.get(c.index)
	}
}

// Restore inserts a connection that another table held, with the server that
// s.Target names in this one and the time that it had left. If s.HasParent,
// parent is what has become of its parent here. c receives the connection. It
// takes nobody's place in a full table. Nobody else may use the table meanwhile.
//
// Its template's time does not begin anew, as it would with Insert.
func (t *Table) Restore(s *Saved, parent Ref, now int64, c *Conn) Outcome {
	if t.Used() >= t.Size() {
		return Full
	}
	r := Record{
		Key: s.Key, Target: s.Target, Kind: s.Kind, State: s.State, Number: s.Number,
		Now: now, Deadline: now + s.Left, Data: s.Data,
	}
	hash := t.Hash(s.Client, s.ClientPort, s.Proto)
	if s.Kind&Template != 0 {
		hash = t.HashTemplate(&s.Key, s.Data)
	}
	family := uint64(0)
	if s.HasParent {
		family = uint64(parent.index() + 1)
	}
	sh := t.shardOf(hash)
	youngest := sh.order
	outcome := t.insert(hash, &r, family, c, nil)
	if outcome != Inserted {
		return outcome
	}
	if s.HasParent {
		t.entries[parent.index()].family.Add(childOne)
	}
	t.entries[c.index].order.Store(max(s.Order, 1))
	sh.order = max(youngest, s.Order)
	return Inserted
}
