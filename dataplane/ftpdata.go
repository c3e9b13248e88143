package dataplane

import (
	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/packet"
	"director/service"
)

// openPassive makes the data connection for which a real server listens. It goes from
// the client of control connection c, whose port is not known yet, to the virtual
// address and the server's port (ip_vs_ftp_out in ip_vs_ftp.c).
func (t *tracker) openPassive(f *packet.Frame, c *conntrack.Conn, server ftp.Endpoint) bool {
	k := c.Key()
	k.ClientPort, k.VirtualPort = 0, server.Port
	return t.open(f, c, k, server.Port, conntrack.AnyPort)
}

// openActive makes the data connection for which a client listens. Its ports on the
// servers' side are one less than those of the service and of the server (20 if those
// are 21). It goes to the address and port that the client announced (ip_vs_ftp_in in
// ip_vs_ftp.c).
func (t *tracker) openActive(f *packet.Frame, c *conntrack.Conn, client ftp.Endpoint) bool {
	k := c.Key()
	_, port := c.Target()
	k.ClientPort = client.Port
	k.VirtualPort--
	return t.open(f, c, k, port-1, 0)
}

// open makes the data connection with key k and the given port of the server. An
// existing one returns to the state LISTEN. The control connection c does not end
// before it. f announces the data connection. If there is no room, f is dropped, and
// its sender will retransmit it.
func (t *tracker) open(f *packet.Frame, c *conntrack.Conn, k conntrack.Key, port uint16, kind conntrack.Kind) bool {
	to := conntrack.Target{Method: c.Method(), Server: c.Server(), Port: port}
	to.Addr, _ = c.Target()
	t.record = conntrack.Record{
		Key: k, Target: to, Kind: kind | helped(service.NAT, &k),
		State: conntrack.TCPListen, Order: t.now, Deadline: t.now + t.view.Timeouts[conntrack.TCPListen],
		Parent: c.Ref(), Mark: t.engine.conns.Mark(c),
		Flags: conntrack.Assured, // the control connection shows that the client exists
	}
	server := t.server(c)
	server.Join(false)
	hash := t.engine.conns.HashIn(&packet.Flow{Src: k.Client, SrcPort: k.ClientPort, Proto: k.Proto})
	var conn conntrack.Conn
	switch t.admit(hash, &conn, server, byWorker) {
	case conntrack.Existed:
		moved := t.engine.conns.Listen(&conn, t.record.Deadline)
		t.engine.view.Load().Services.Server(conn.Server()).Load.Active.Add(int64(moved))
	case conntrack.Full:
		t.drop(f, packet.TableFull)
		return false
	}
	return true
}

// awaited finds the data connection that waits for the client of f.
func (t *tracker) awaited(f *packet.Frame, c *conntrack.Conn) bool {
	conns := t.engine.conns
	return conns.FindAnyPort(conns.HashAnyPort(&f.Flow), &f.Flow, c)
}

// fill sets the client's port in a data connection that waited for f, unless another
// worker has just done so. If that is not possible, it drops f and returns false.
func (t *tracker) fill(f *packet.Frame, j *job) bool {
	conns := t.engine.conns
	if !j.conn.Is(conntrack.AnyPort) || conns.FillPort(&j.conn, j.hash, f.SrcPort) ||
		conns.FindIn(j.hash, &f.Flow, &j.conn) {
		return true
	}
	t.drop(f, packet.TableFull)
	return false
}
