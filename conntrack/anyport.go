package conntrack

import "director/packet"

// HashAnyPort returns the hash of a connection whose client port is not known. The
// first packet of the client of f finds the connection by this hash.
func (t *Table) HashAnyPort(f *packet.Flow) uint64 { return t.Hash(f.Src, 0, f.Proto) }

// FindAnyPort looks up a connection whose client port is not known yet, from the client
// of f to the same virtual service. There may be several, to different servers: it then
// returns the newest. hash is HashAnyPort(f).
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

// findAnyPort looks for a connection that has the same key and the same real server as
// n. The key alone is not enough, because two servers may listen on one port.
func (t *Table) findAnyPort(hash uint64, n *Record, c *Conn) bool {
	return t.scan(hash, c, func(c Conn) bool {
		addr, port := c.Target()
		return c.Is(AnyPort) && !c.Is(Hidden) && c.Key() == n.Key && addr == n.Addr && port == n.Port
	})
}

// FillPort sets the client port of a connection whose client port was not known. Its
// first packet has the source port port, and hash is HashIn of that packet. Nothing
// else of the connection changes. FillPort copies the changed connection to c. It
// returns false and changes nothing if another packet set the port first, if the
// connection has ended, or if the chain of hash has no room (ip_vs_conn_fill_cport).
//
// A reader that calls FindAnyPort and then FindIn finds the connection at any moment.
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
	// The new slot is filled already, so trim leaves its bucket in its chain.
	t.clearSlot(from, was, c.index)
	t.anyPort.Add(-1)
	return t.take(c.index, c)
}

// lockBoth locks the shard of an entry and the shard of hash, which may be the same. It
// locks them in the order of the table, so that no deadlock is possible.
func (t *Table) lockBoth(e *entry, hash uint64) (from, to *shard) {
	for {
		was := e.hash.Load()
		from, to = t.shardOf(was), t.shardOf(hash)
		first, second := from, to
		if hash < was { // the order of the shards is the order of their hashes
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

// Listen puts a connection into TCP's state LISTEN, from any state, and sets its
// deadline. An application helper calls it when one side waits for the other to open the
// connection. It returns the change of the number of active connections
// (ip_vs_tcp_conn_listen).
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
