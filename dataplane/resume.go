package dataplane

import (
	"iter"

	"director/conntrack"
	"director/dataplane/app/ftp"
	"director/service"
)

// Saved is a connection as it outlives its director.
type Saved struct {
	conntrack.Saved
	// Dialogue is what a helper remembers of the connection; nil: nothing.
	Dialogue *Dialogue
}

// Dialogue is what is remembered of an FTP control connection.
type Dialogue struct {
	ftp.Control
	First uint32 // sequence number of the server's SYN
}

// Dump yields the connections and templates, parents before their children. The
// workers have stopped. The caller must not keep what it is lent.
func (s *Engine) Dump() iter.Seq[*Saved] {
	return func(yield func(*Saved) bool) {
		var saved Saved
		var d Dialogue
		for conn, c := range s.conns.Dump(s.clock()) {
			saved.Saved, saved.Dialogue = *conn, nil
			if m := s.helpers.controls[c.Ref()]; m != nil {
				d = Dialogue{m.Control, m.first}
				saved.Dialogue = &d
			}
			if !yield(&saved) {
				return
			}
		}
	}
}

// Resumption puts the connections of an earlier director into the table, before
// the workers run.
type Resumption struct {
	Resumed  int // connections and templates
	Stranded int // whose server is not there any more
	Refused  int // for which there was no room

	shared  *Engine
	servers map[uint32]*service.Server
	parents map[uint32]conntrack.Ref
}

// Resume returns a resumption. servers are what has become of the earlier
// director's real servers, by the numbers that they had there.
func (s *Engine) Resume(servers map[uint32]*service.Server) *Resumption {
	return &Resumption{shared: s, servers: servers, parents: map[uint32]conntrack.Ref{}}
}

// Add takes a connection up, counted to its server, or leaves it out. A parent
// that was left out is none: its children stand alone.
func (r *Resumption) Add(saved *Saved) {
	server := r.servers[saved.Server]
	if server == nil {
		r.Stranded++
		return
	}
	conn := saved.Saved
	conn.Server = server.ID
	parent, ok := r.parents[conn.Parent]
	conn.HasParent = conn.HasParent && ok
	var c conntrack.Conn
	if r.shared.conns.Restore(&conn, parent, r.shared.clock(), &c) != conntrack.Inserted {
		r.Refused++
		return
	}
	r.Resumed++
	if conn.Parental {
		r.parents[conn.ID] = c.Ref()
	}
	if c.Is(conntrack.Template) {
		server.Ref()
	} else {
		server.Resume(c.State().Active(), service.Method(c.Method()))
	}
	if d := saved.Dialogue; d != nil && c.Is(conntrack.Helper) {
		m := r.shared.helpers.of(&c, r.shared.conns)
		m.Control, m.first = d.Control, d.First
	}
}
