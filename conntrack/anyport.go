package conntrack

import "director/packet"

// HashAnyPort returns the hash under which the first packet of the client of f
// finds a connection whose client port is not known.
func (t *Table) HashAnyPort(f *packet.Flow) uint64 { return t.Hash(f.Src, 0, f.Proto) }

// FindAnyPort looks up a connection of the client of f to the same virtual
// service whose client port is not known yet: of several, to different servers,
// the one that was made last. hash is HashAnyPort(f).
func (t *Table) FindAnyPort(hash uint64, f *packet.Flow, c *Conn) bool {
	if t.anyPort.Load() == 0 {
		return false
	}
	var best uint64
	var found Conn
	t.scan(hash, &found, func(found Conn) bool {
		k := found.Key()
		if found.Is(AnyPort) && !found.Is(Hidden) && k.Client == f.Src && k.Virtual == f.Dst &&
			k.VirtualPort == f.DstPort && k.Proto == f.Proto {
			if order := t.entries[found.index].order.Load(); order > best {
				best, *c = order, found
			}
		}
		return false
	})
	return best != 0
}

// findAnyPort looks for the connection that n would be a second of: two servers
// may listen on one port.
func (t *Table) findAnyPort(hash uint64, n *Record, c *Conn) bool {
	return t.scan(hash, c, func(c Conn) bool {
		addr, port := c.Target()
		return c.Is(AnyPort) && !c.Is(Hidden) && c.Key() == n.Key && addr == n.Addr && port == n.Port
	})
}

// FillPort makes a connection whose client port was not known an ordinary one:
// its first packet came, from port, and hash is HashIn of that packet. All else
// stays as it is; c is the connection as it is now. It reports false, with
// nothing changed, when another packet was faster, the connection ended, or
// there is no room in the chain where it has to be found from now on
// (ip_vs_conn_fill_cport).
//
// Whoever looks for the connection by FindAnyPort first and by FindIn then, finds
// it at any moment.
func (t *Table) FillPort(c *Conn, hash uint64, port uint16) bool {
	e := &t.entries[c.index]
	from, to := t.lockBoth(e, hash)
	defer unlockBoth(from, to)
	if !same(c.word, e.state.Load()) || !t.take(c.index, c) || !c.Is(AnyPort) {
		return false
	}
	k := c.Key()
	f := packet.Flow{Src: k.Client, SrcPort: port, Dst: k.Virtual, DstPort: k.VirtualPort, Proto: k.Proto}
	var other Conn
	if t.FindIn(hash, &f, &other) {
		return false
	}
	b, at := t.freeSlot(to, hash)
	if b == nil {
		return false
	}
	was := e.hash.Load()
	t.beginChange(e)
	e.dest.Store(c.dest | uint64(port)<<16)
	t.step()
	b.put(at, tagOf(hash), c.index)
	e.server.Store(c.srvWord &^ uint64(AnyPort))
	t.step()
	e.hash.Store(hash)
	t.endChange(e)
	// The new slot was filled first, so its bucket stays in its chain.
	t.clearSlot(from, was, c.index)
	t.anyPort.Add(-1)
	return t.take(c.index, c)
}

// lockBoth locks the shard of an entry and that of hash, which may be one. Of two
// shards the one that comes first in the table is locked first.
func (t *Table) lockBoth(e *entry, hash uint64) (from, to *shard) {
	for {
		was := e.hash.Load()
		from, to = t.shardOf(was), t.shardOf(hash)
		first, second := from, to
		if hash < was { // shards are in the order of the hashes in them
			first, second = to, from
		}
		first.mu.Lock()
		if first != second {
			second.mu.Lock()
		}
		if t.shardOf(e.hash.Load()) == from {
			return from, to
		}
		unlockBoth(from, to)
	}
}

func unlockBoth(from, to *shard) {
	from.mu.Unlock()
	if to != from {
		to.mu.Unlock()
	}
}

// Listen leads a connection into TCP's state LISTEN, whatever it was in, with
// that deadline: a helper saw that one side waits for the other to begin it. It
// returns how the number of active connections moved (ip_vs_tcp_conn_listen).
func (t *Table) Listen(c *Conn, deadline int64) (moved int) {
	e := &t.entries[c.index]
	for {
		word := e.state.Load()
		if !same(c.word, word) {
			return 0
		}
		if e.state.CompareAndSwap(word, word&^stateMask|uint64(TCPListen)) {
			c.word = word&^stateMask | uint64(TCPListen)
			t.setDeadline(c.index, deadline)
			return -int(active[word&stateMask])
		}
	}
}
