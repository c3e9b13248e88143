package conntrack

import (
	"sync"

	"director/packet"
)

// Lifetimes, in nanoseconds.
const (
	second = int64(1_000_000_000)
	// lease is by how much a connection outlives its time-out as long as it
	// controls others (ip_vs_conn_expire in ip_vs_conn.c).
	lease = 60
)

// HashTemplate returns the hash under which a persistence template is found:
// of its whole key and of the engine's data, since nobody looks for it with
// less.
func (t *Table) HashTemplate(k *Key, mark uint32, data string) uint64 {
	virtual := k.Virtual
	if mark != 0 {
		virtual = packet.AddrFrom4(mark)
	}
	h := t.Hash(k.Client, k.VirtualPort, k.Proto) ^ t.Hash(virtual, ^k.VirtualPort, k.Proto)
	for i := range len(data) {
		h = (h ^ uint64(data[i])) * (t.seed[1] | 1)
		h ^= h >> 29
	}
	return h
}

// HashOf returns the hash under which a connection or template is found.
func (t *Table) HashOf(r *Record) uint64 {
	if r.Is(Template) {
		return t.HashTemplate(&r.Key, r.Mark, r.Data)
	}
	return t.Hash(r.Client, r.ClientPort, r.Proto)
}

// FindTemplate looks up a template that may be used. hash is that of k, mark and
// data; mark is 0 unless the template is a firewall mark's.
func (t *Table) FindTemplate(hash uint64, k *Key, mark uint32, data string, c *Conn) bool {
	return t.scan(hash, c, func(c Conn) bool {
		return c.Is(Template) && !c.Is(Hidden) && c.Key() == *k && t.Mark(&c) == mark &&
			(!c.Is(Engine) && data == "" || c.Is(Engine) && t.data.get(c.index) == data) &&
			t.Live(&c) // else mark and data, which lie beside the entry, may be another's
	})
}

// scan finds the first connection in the chain of hash that fits. It is for
// what happens once a connection.
func (t *Table) scan(hash uint64, c *Conn, fits func(Conn) bool) bool {
	b, tag := t.home(hash), tagOf(hash)
	for range maxChain {
		for set := b.match(tag); set != 0; set &= set - 1 {
			index := b.index[set.first()].Load()
			if t.take(index, c) && fits(*c) {
				return true
			}
		}
		if b = t.after(b); b == nil {
			break
		}
	}
	return false
}

// Invalidate makes a template useless for new connections: it shows the port
// 65535 and lives on until its time is up (ip_vs_check_template).
func (t *Table) Invalidate(c *Conn) {
	t.change(c.Ref(), func(e *entry) {
		e.server.Store(e.server.Load()&^(0xffff<<16) | 0xffff<<16 | uint64(Hidden))
	})
}

// Hide keeps packets from finding a connection that cannot end yet.
func (t *Table) Hide(r Ref) {
	t.change(r, func(e *entry) { e.server.Store(e.server.Load() | uint64(Hidden)) })
}

// change changes one word of a live connection under its shard's lock.
func (t *Table) change(r Ref, do func(*entry)) {
	e := &t.entries[r.index()]
	sh := t.lock(e)
	defer sh.mu.Unlock()
	if same(r.word(), e.state.Load()) {
		do(e)
	}
}

// lock locks the shard of an entry. A dead entry's shard is any.
func (t *Table) lock(e *entry) *shard {
	for {
		hash := e.hash.Load()
		sh := t.shardOf(hash)
		sh.mu.Lock()
		if t.shardOf(e.hash.Load()) == sh {
			return sh
		}
		sh.mu.Unlock()
	}
}

// Live reports whether the connection has not ended.
func (t *Table) Live(c *Conn) bool { return same(c.word, t.entries[c.index].state.Load()) }

// Controlled reports whether the connection has a parent, and Controls whether
// it is one.
func (t *Table) Controlled(c *Conn) bool { return uint32(t.entries[c.index].family.Load()) != 0 }

// Controls reports whether the connection has children.
func (t *Table) Controls(c *Conn) bool { return t.entries[c.index].children() != 0 }

func (e *entry) children() uint32 { return uint32(e.family.Load() >> 32) }

// retain makes a connection live until letGo. It renews the deadline of a
// template. It reports false when the connection has ended.
func (t *Table) retain(parent Ref, now int64) bool {
	e := &t.entries[parent.index()]
	sh := t.lock(e)
	defer sh.mu.Unlock()
	word := e.state.Load()
	if !same(parent.word(), word) {
		return false
	}
	e.family.Add(childOne)
	if Kind(e.server.Load())&Template != 0 {
		t.renew(parent.index(), now)
	}
	return true
}

// renew begins a template's time anew. The caller holds the shard's lock.
func (t *Table) renew(index uint32, now int64) {
	t.setDeadline(index, now+int64(t.timeout(index))*second)
}

// Renew begins the time of a template anew, from which a connection was made
// that is in no table.
func (t *Table) Renew(c *Conn, now int64) {
	t.change(c.Ref(), func(*entry) { t.renew(c.index, now) })
}

// Assure is what a real server's answer does to the template of such a
// connection.
func (t *Table) Assure(c *Conn) {
	t.change(c.Ref(), func(*entry) { t.assure(c.index) })
}

// letGo takes back what retain did for a child of that family word.
func (t *Table) letGo(family uint64) {
	if parent := uint32(family); parent != 0 {
		t.entries[parent-1].family.Add(^uint64(childOne - 1))
	}
}

// assure notes that a template at index served a connection to some purpose.
// It has a child, so it is live.
func (t *Table) assure(index uint32) {
	e := &t.entries[index]
	for {
		word := e.state.Load()
		if State(word&stateMask) != TemplateNone ||
			e.state.CompareAndSwap(word, word&^stateMask|uint64(TemplateAssured)) {
			return
		}
	}
}

// dataTable holds the persistence engines' data of templates, few and seldom
// looked at, by entry.
type dataTable struct {
	mu   sync.Mutex
	data map[uint32]string
}

func (d *dataTable) set(index uint32, data string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.data == nil {
		d.data = map[uint32]string{}
	}
	d.data[index] = data
}

func (d *dataTable) get(index uint32) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.data[index]
}

func (d *dataTable) remove(index uint32) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.data, index)
}
