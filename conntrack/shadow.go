package conntrack

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
)

// leastShadow is the least number of entries of a shadow. With that many, all
// connections of one client's port fit into a chain, as in any table.
const leastShadow = 4096

// maxDepth is greater than the longest chain of parents: a template, FTP's control
// connection, its data connection.
const maxDepth = 4

// Shadow returns another table with copies of the connections for which keep returns
// true, and of the connections that control them. It has room for as many more
// connections as t has, but for room at most. If t would evict a connection, the shadow
// reports the same victim; t does not change. copies maps each connection to its copy.
// One worker at a time may use the shadow. The shadow needs t.
func (t *Table) Shadow(keep func(*Record) bool, room int) (s *Table, copies map[Ref]Ref, err error) {
	var kept []Record
	for r := range t.All() {
		if keep(r) {
			kept = append(kept, *r)
		}
	}
	for i := 0; i < len(kept); i++ { // kept grows in the loop
		if parent, ok := t.Get(kept[i].Parent); ok {
			kept = append(kept, parent)
		}
	}
	// Parents first, because a copy needs the copy of its parent. The order of other
	// connections makes no difference.
	slices.SortStableFunc(kept, func(a, b Record) int { return cmp.Compare(t.depth(a), t.depth(b)) })
	room = min(room, max(0, t.Size()-t.Used()))
	if s, err = newTable(max(leastShadow, 2*len(kept)+room), 1, t.seed); err != nil {
		return nil, nil, err
	}
	s.origin = t
	if t.streams != nil {
		if err := s.TrackStreams(); err != nil {
			s.Close()
			return nil, nil, err
		}
	}
	copies = map[Ref]Ref{}
	for i := range kept {
		s.adopt(&kept[i], copies)
	}
	// Each has as many children as in the origin, whether they were copied or not.
	for from, to := range copies {
		family := &s.entries[to.index()].family
		family.Store(uint64(t.entries[from.index()].children())<<32 | family.Load()&(childOne-1))
		if t.streams != nil {
			s.streams[to.index()].copyFrom(&t.streams[from.index()])
		}
	}
	s.shards[0].end = s.shards[0].fresh.Load() + uint32(room)
	return s, copies, nil
}

// Get returns the connection that r refers to, unless it has ended.
func (t *Table) Get(r Ref) (found Record, ok bool) {
	if r == 0 || !t.read(r.index(), &found) {
		return found, false
	}
	return found, found.ID == r
}

// Parent returns the connection that controls c, if one does.
func (t *Table) Parent(c *Conn) (Record, bool) {
	r, _ := t.Get(c.Ref())
	return t.Get(r.Parent)
}

// depth returns how many connections control r, directly or not.
func (t *Table) depth(r Record) (n int) {
	for n < maxDepth {
		parent, ok := t.Get(r.Parent)
		if !ok {
			break
		}
		r = parent
		n++
	}
	return n
}

// adopt inserts a copy of a connection of the origin.
func (t *Table) adopt(r *Record, copies map[Ref]Ref) {
	if _, there := copies[r.ID]; there {
		return
	}
	twin := *r
	twin.Parent = copies[r.Parent]
	var c Conn
	if t.Restore(&twin, &c) != Full {
		copies[r.ID] = c.Ref()
	}
}

// pretend replaces reclaim in a shadow. If the origin would evict a connection, pretend
// reports that one as the victim and takes an unused entry of the shadow.
func (t *Table) pretend(sh *shard, hash uint64, n *Record, victim *Conn) (uint32, bool) {
	if int(sh.end) == len(t.entries) || !t.origin.wouldEvict(hash, n, victim) {
		return 0, false
	}
	victim.index = math.MaxUint32 // the victim is not in this table
	sh.end++
	return t.popEntry(sh)
}

// wouldEvict finds the connection that reclaim would evict for the connection n with that
// hash. It changes nothing.
func (t *Table) wouldEvict(hash uint64, n *Record, victim *Conn) bool {
	sh, c := t.shardOf(hash), t.claimantOf(n)
	sh.mu.Lock()
	s := sh.search // a copy, with which the search continues
	ok := t.seek(sh, &s, &c, victim, false)
	sh.mu.Unlock()
	if !ok && s.shortlist.spares(&c) {
		return false
	}
	if ok || t.wouldBorrow(sh, &c, victim) {
		return true
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	return t.last(sh, &s, &c, victim, false)
}

// wouldBorrow finds the connection that borrow would evict. It changes nothing.
func (t *Table) wouldBorrow(sh *shard, c *claimant, victim *Conn) bool {
	tries, first := 0, t.number(sh)/64
	for i := range uint(len(t.offers)) {
		at := (first + i) % uint(len(t.offers))
		for set := t.offers[at].Load(); set != 0 && tries < lenders; set &= set - 1 {
			tries++
			other := &t.shards[at*64+uint(bits.TrailingZeros64(set))]
			other.mu.Lock()
			s := other.search
			ok := t.pick(other, &s, &s.shortlist, c, victim, false, false)
			other.mu.Unlock()
			if ok {
				return true
			}
		}
	}
	return false
}

// Deadline returns the time at which the connection expires unless a packet renews it,
// on the workers' clock.
func (t *Table) Deadline(c *Conn) int64 { return t.entries[c.index].deadline.Load() }
