package conntrack

import (
	"sync"

	"director/packet"
)

const (
	second = int64(1_000_000_000) // in nanoseconds
	// lease is the extension, in seconds, of a connection that reached its deadline
	// but still controls others (ip_vs_conn_expire in ip_vs_conn.c).
	lease = 60
)

// HashTemplate returns the hash of a persistence template. It covers the whole key and
// the engine's data, because every lookup of a template has both.
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

// HashOf returns the hash of a connection or template, as its lookup computes it.
func (t *Table) HashOf(r *Record) uint64 {
	if r.Is(Template) {
		return t.HashTemplate(&r.Key, r.Mark, r.Data)
	}
	return t.Hash(r.Client, r.ClientPort, r.Proto)
}

// FindTemplate looks up a template that is not hidden. hash is the hash of k, mark and
// data. mark is 0 unless the template belongs to a firewall mark.
func (t *Table) FindTemplate(hash uint64, k *Key, mark uint32, data string, c *Conn) bool {
	return t.scan(hash, c, func(c Conn) bool {
		return c.Is(Template) && !c.Is(Hidden) && c.Key() == *k && t.Mark(&c) == mark &&
			(!c.Is(Engine) && data == "" || c.Is(Engine) && t.data.get(c.index) == data) &&
			t.Live(&c) // else mark and data, which are outside the entry, may be another's
	})
}

// scan finds the first connection in the chain of hash for which fits returns true. It
// is not fast enough for each packet: callers use it once per connection.
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

// Invalidate hides a template, so that no new connection uses it, and sets its server
// port to 65535. The template stays until it expires (ip_vs_check_template).
func (t *Table) Invalidate(c *Conn) {
	t.change(c.Ref(), func(e *entry) {
		e.server.Store(e.server.Load()&^(0xffff<<16) | 0xffff<<16 | uint64(Hidden))
	})
}

// Hide hides a connection that cannot end yet: packets do not find it any more.
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

// lock locks the shard of an entry. If the entry is dead, this may be any shard.
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

// Controlled reports whether the connection has a parent.
func (t *Table) Controlled(c *Conn) bool { return uint32(t.entries[c.index].family.Load()) != 0 }

// Controls reports whether the connection has children.
func (t *Table) Controls(c *Conn) bool { return t.entries[c.index].children() != 0 }

func (e *entry) children() uint32 { return uint32(e.family.Load() >> 32) }

// retain counts one more child of a connection, so the connection stays until letGo. It
// renews the deadline of a template. It returns false if the connection has ended.
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

// renew starts a template's time-out again. The caller holds the shard's lock.
func (t *Table) renew(index uint32, now int64) {
	t.setDeadline(index, now+int64(t.timeout(index))*second)
}

// Renew starts a template's time-out again. It is called when the template gave its
// server to a connection that is in no table.
func (t *Table) Renew(c *Conn, now int64) {
	t.change(c.Ref(), func(*entry) { t.renew(c.index, now) })
}

// Vouch moves the template of such a connection to TemplateAssured. It is called when the
// real server answers.
func (t *Table) Vouch(c *Conn) {
	t.change(c.Ref(), func(*entry) { t.vouch(c.index, true, false) })
}

// letGo undoes retain: it counts one child less of the parent in a family word.
func (t *Table) letGo(family uint64) {
	if parent := uint32(family); parent != 0 {
		t.entries[parent-1].family.Add(^uint64(childOne - 1))
	}
}

// vouch moves the template at index to TemplateAssured if one of its connections is
// established or was answered: opened. If keep is set, the template itself is assured after
// that. It has a child, so it is live.
func (t *Table) vouch(index uint32, opened, keep bool) {
	e := &t.entries[index]
	for {
		word := e.state.Load()
		s := State(word & stateMask)
		if s < TemplateNone || s == TemplateNone && !opened {
			return // it is a connection, or no connection of it was established
		}
		is := word&^stateMask | uint64(TemplateAssured)
		if keep {
			is |= assuredBit
		}
		if is == word {
			return
		}
		if e.state.CompareAndSwap(word, is) {
			t.move(e.serverID(), crowdOf(word), crowdOf(is))
			return
		}
	}
}

// dataTable holds the data that persistence engines store with templates, by entry. A
// map with a lock is enough: such templates are few and rarely read.
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
