package micro

import (
	"time"

	"director/conntrack"
	"director/dataplane"
	"director/nat"
	"director/neigh"
	"director/packet"
	"director/service"
)

// walk takes batches through the stages one by one, with the same components as a
// worker, and measures each stage. The clock is read between stages; the cost of
// reading it is subtracted.
type walk struct {
	rig    *rig
	path   path
	port   *port
	area   *area
	batch  packet.Batch
	hashes [packet.BatchSize]uint64
	hints  [packet.BatchSize]conntrack.Hint
	conns  [packet.BatchSize]conntrack.Conn
	chosen [packet.BatchSize]service.Choice
	tally  [servers]service.Tally
	table  *conntrack.Table
	view   *dataplane.View
	now    int64
	ident  uint16
	failed int // frames that were not forwarded as expected

	times   [stages]time.Duration
	packets int
}

func (w *walk) receive() { _ = w.port.Recv(&w.batch) } // memory only: cannot fail

func (w *walk) parse() {
	for i := range w.batch.N {
		if packet.Parse(&w.batch.Frames[i]) != packet.None {
			w.failed++
		}
	}
}

func (w *walk) classify() {
	s, mac := w.view.Services, w.view.Hops.Interfaces()[0].MAC
	for i := range w.batch.N {
		f := &w.batch.Frames[i]
		out := !s.VIP(f.Dst) && !s.Marked(f.Dst)
		if out != w.path.reply || packet.Eth(f.Bytes()).Dst() != mac {
			w.failed++
		}
		if out {
			w.hashes[i] = w.table.HashOut(&f.Flow)
		} else {
			w.hashes[i] = w.table.HashIn(&f.Flow)
		}
	}
	w.table.Seek(w.hashes[:w.batch.N], w.hints[:])
}

func (w *walk) find() {
	for i := range w.batch.N {
		f, found := &w.batch.Frames[i], false
		if w.path.reply {
			found = w.table.FindOut(w.hashes[i], &f.Flow, &w.conns[i])
		} else {
			found = w.table.FindIn(w.hashes[i], &f.Flow, &w.conns[i])
		}
		if !found {
			w.failed++
		}
	}
}

func (w *walk) miss() {
	for i := range w.batch.N {
		if w.table.FindIn(w.hashes[i], &w.batch.Frames[i].Flow, &w.conns[i]) {
			w.failed++
		}
	}
}

func (w *walk) observe() {
	dir := conntrack.InOnly
	switch {
	case w.path.reply:
		dir = conntrack.Out
	case w.path.method == service.NAT:
		dir = conntrack.In
	}
	for i := range w.batch.N {
		f, c := &w.batch.Frames[i], &w.conns[i]
		t := &w.tally[c.Server()]
		t.InPkts++
		t.InBytes += uint64(f.IPLen)
		w.table.Observe(c, dir, conntrack.TCPEvent(f.TCPFlags), w.now, &conntrack.Normal, &w.view.Timeouts)
	}
}

func (w *walk) schedule() {
	for i := range w.batch.N {
		f, ok := &w.batch.Frames[i], false
		if s := w.view.Services.Lookup(&f.Flow); s != nil {
			w.chosen[i], ok = s.Schedule(&f.Flow, w.now, service.Active{Masqueraded: true, Otherwise: true})
		}
		if !ok {
			w.failed++
		}
	}
}

func (w *walk) insert() {
	var record conntrack.Record
	var victim conntrack.Conn
	for i := range w.batch.N {
		f, to := &w.batch.Frames[i], &w.chosen[i]
		record = conntrack.Record{
			Key:    conntrack.KeyOf(&f.Flow),
			Target: conntrack.Target{Addr: to.Addr, Port: to.Port, Method: uint8(to.Method), Server: to.ID},
			State:  conntrack.TCPSynRecv, Packets: 1, Order: w.now, Deadline: w.now + w.view.Timeouts[conntrack.TCPSynRecv],
		}
		if w.table.Insert(w.hashes[i], &record, &w.conns[i], &victim) != conntrack.Inserted {
			w.failed++
		}
	}
}

func (w *walk) rewrite() {
	for i := range w.batch.N {
		f, c := &w.batch.Frames[i], &w.conns[i]
		hop := w.view.Hops.Server(c.Server())
		if w.path.reply {
			hop = w.view.Hops.Route(f.Dst)
		}
		if hop.Reason != packet.None || f.IP().TTL() <= 1 || f.IPLen > hop.MTU || !w.translate(f, c, hop) {
			w.failed++
			continue
		}
		hop.Touch()
		packet.Eth(f.Bytes()).SetAddrs(&hop.Dst, &hop.Src)
		f.Verdict = packet.Tx
	}
}

// translate rewrites the headers of a packet as the path requires.
func (w *walk) translate(f *packet.Frame, c *conntrack.Conn, hop *neigh.Hop) bool {
	addr, port := c.Target()
	switch {
	case w.path.reply:
		addr, port = c.Virtual()
		nat.ToClient(f, addr, port)
	case w.path.method == service.NAT:
		nat.ToServer(f, addr, port)
	case w.path.method == service.DR:
		nat.Direct(f)
	case w.path.method == service.TUN:
		w.ident++
		server := w.view.Services.Server(c.Server())
		return nat.Tunnel(f, server.Tunnel(), hop.Source, addr, w.ident, w.view.Sysctl.PMTUDisc)
	}
	return true
}

func (w *walk) transmit() {
	w.packets += w.batch.N
	_ = w.port.Flush(&w.batch) // memory only: cannot fail
}
