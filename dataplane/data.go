package dataplane

import (
	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/packet"
	"director/service"
)

// openPassive makes the data connection that a real server waits for: from the
// client of control connection c, by a port that nobody knows yet, to the
// virtual address and the server's own port (ip_vs_ftp_out in ip_vs_ftp.c).
func (w *Worker) openPassive(f *packet.Frame, c *conntrack.Conn, server ftp.Endpoint) bool {
	k := c.Key()
	k.ClientPort, k.VirtualPort = 0, server.Port
	return w.open(f, c, k, server.Port, conntrack.AnyPort)
}

// openActive makes the data connection that a client waits for: from the port
// before that of the service and of the server, which are FTP's 20 where those
// are 21, to where the client says (ip_vs_ftp_in in ip_vs_ftp.c).
func (w *Worker) openActive(f *packet.Frame, c *conntrack.Conn, client ftp.Endpoint) bool {
	k := c.Key()
	_, port := c.Target()
	k.ClientPort = client.Port
	k.VirtualPort--
	return w.open(f, c, k, port-1, 0)
}

// open makes the data connection with key k and the given port of the server, or
// has the one that exists listen again. Its control connection c does not end
// before it. Where there is no room, f, which announces it, is dropped, and will
// be repeated.
func (w *Worker) open(f *packet.Frame, c *conntrack.Conn, k conntrack.Key, port uint16, kind conntrack.Kind) bool {
	to := conntrack.Target{Method: c.Method(), Server: c.Server(), Port: port}
	to.Addr, _ = c.Target()
	w.record = conntrack.Record{
		Key: k, Target: to, Kind: kind | helped(service.NAT, &k),
		State: conntrack.TCPListen, Order: w.now, Deadline: w.now + w.view.Timeouts[conntrack.TCPListen],
		Parent: c.Ref(),
	}
	server := w.server(c)
	server.Join(false)
	hash := w.shared.conns.HashIn(&packet.Flow{Src: k.Client, SrcPort: k.ClientPort, Proto: k.Proto})
	var conn conntrack.Conn
	switch w.admit(hash, &conn, server, byWorker) {
	case conntrack.Existed:
		moved := w.shared.conns.Listen(&conn, w.record.Deadline)
		w.shared.view.Load().Services.Server(conn.Server()).Load.Active.Add(int64(moved))
	case conntrack.Full:
		w.drop(f, packet.TableFull)
		return false
	}
	return true
}

// awaited looks for a data connection that waits for the client of f.
func (w *Worker) awaited(f *packet.Frame, c *conntrack.Conn) bool {
	conns := w.shared.conns
	return conns.FindAnyPort(conns.HashAnyPort(&f.Flow), &f.Flow, c)
}

// fill gives the data connection that waited for f, if it is one, its client's
// port, unless another worker has just done so. It reports false, with f dropped,
// where that cannot be.
func (w *Worker) fill(f *packet.Frame, j *job) bool {
	conns := w.shared.conns
	if !j.conn.Is(conntrack.AnyPort) || conns.FillPort(&j.conn, j.hash, f.SrcPort) ||
		conns.FindIn(j.hash, &f.Flow, &j.conn) {
		return true
	}
	w.drop(f, packet.TableFull)
	return false
}
