package service

import (
	"math/bits"
	"net/netip"
	"slices"

	"github.com/gaissmai/bart"

	"director/packet"
)

// Ports with a special meaning (ip_vs_service_find in ip_vs_ctl.c). A service on the
// control port of FTP also gets the data connections. These go to port 20 or to an
// unprivileged port (ip_unprivileged_port_start).
const (
	ftpPort           = packet.FTPPort
	ftpDataPort       = packet.FTPDataPort
	firstUnprivileged = 1024
)

// Table is an immutable set of services. Every worker reads it for every packet.
type Table struct {
	services []*Service
	servers  []*Server // by number; nil if the number is free
	bypass   *Server
	member   []bool // by number: whether the server is in its service
	tunnels  []bool // by number: whether it is, with the method TUN

	// cells is an open-addressing table with linear probing. Its size is a power of
	// two, and at most a quarter of the cells is in use, so nearly every look-up ends
	// at the first cell.
	cells []*Service
	vips  packet.AddrSet

	marks  []mark
	wide   *bart.Lite // the prefixes of marks that contain several addresses; nil: none
	byMark map[uint32]*Service

	ftp, anyPort bool // whether a service needs these look-ups

	masqueraded  view[*Masqueraded]
	masquerading view[int] // by address; includes real servers of firewall marks
}

// mark is the definition of a firewall mark.
type mark struct {
	of    *Service // nil if no service has the mark; its packets do not match later marks either
	proto uint8
	from  uint32 // first address of the prefix
	to    uint32 // last address of the prefix
	ports []PortRange
}

// table builds the workers' table from the registry. What grows with the number of
// servers is only copied, as slices, so that a change of one of many is made soon.
func (r *Registry) table() *Table {
	r.countAnswers()
	removed := r.removedVIPs()
	most := len(r.services) + len(removed) + len(r.options.Marks)
	t := &Table{
		services: make([]*Service, 0, len(r.services)),
		servers:  slices.Clone(r.servers),
		member:   slices.Clone(r.member),
		tunnels:  slices.Clone(r.tunnels),
		cells:    make([]*Service, 1<<bits.Len(uint(4*most))),
		vips:     packet.NewAddrSet(most),
		byMark:   map[uint32]*Service{},

		masqueraded:  r.masqueraded.share(),
		masquerading: r.masquerading.share(),
	}
	for _, s := range r.services {
		t.add(s.Service)
	}
	for a := range removed {
		t.vips.Add(a)
	}
	for _, m := range r.options.Marks {
		t.addMark(&m)
	}
	if r.bypass != nil {
		t.bypass, t.member[r.bypass.ID] = r.bypass, true
	}
	return t
}

func (t *Table) add(s *Service) {
	t.services = append(t.services, s)
	if s.Mark != 0 {
		t.byMark[s.Mark] = s
		return
	}
	t.ftp = t.ftp || s.Proto == packet.ProtoTCP && s.Port == ftpPort
	t.anyPort = t.anyPort || s.Port == 0
	mask := uint64(len(t.cells) - 1)
	i := hash(s.Addr, s.Port, s.Proto) & mask
	for t.cells[i] != nil {
		i = (i + 1) & mask
	}
	t.cells[i] = s
	t.vips.Add(s.Addr)
}

func (t *Table) addMark(m *Mark) {
	first := packet.AddrFrom(m.Prefix.Masked().Addr()).V4()
	size := uint32(1<<(32-m.Prefix.Bits()) - 1)
	s := t.byMark[m.Mark]
	t.marks = append(t.marks, mark{s, m.Proto, first, first + size, m.Ports})
	switch {
	case s == nil:
	case m.Prefix.IsSingleIP():
		t.vips.Add(packet.AddrFrom4(first))
	default:
		if t.wide == nil {
			t.wide = new(bart.Lite)
		}
		t.wide.Insert(netip.PrefixFrom(m.Prefix.Addr(), m.Prefix.Bits()).Masked())
	}
}

// hash spreads the keys of services. Only the operator chooses them, so the hash
// needs no secret seed.
func hash(a packet.Addr, port uint16, proto uint8) uint64 {
	h := (a.Hi ^ bits.RotateLeft64(a.Lo, 24) ^ uint64(port)<<8 ^ uint64(proto)) * 0x9e3779b97f4a7c15
	return h >> 32
}

// VIP reports whether a is the address of a service.
func (t *Table) VIP(a packet.Addr) bool { return t.vips.Has(a) }

// VIPs returns the addresses of the services in no particular order.
func (t *Table) VIPs() []packet.Addr { return t.vips.All() }

// Marked reports whether a lies in a prefix of a firewall mark that has a service.
// Such a prefix can also contain addresses that are not virtual.
func (t *Table) Marked(a packet.Addr) bool { return t.wide != nil && t.inWide(a) }

func (t *Table) inWide(a packet.Addr) bool { return t.wide.Contains(a.Netip()) }

// Lookup returns the service for a client's packet, or nil. It looks in this order
// for the service of the firewall mark, of the destination address and port, of FTP
// for data connections, and of port 0.
func (t *Table) Lookup(f *packet.Flow) *Service {
	if s := t.lookupMark(f); s != nil {
		return s
	}
	if s := t.exact(f, f.DstPort); s != nil {
		return s
	}
	if t.ftp && f.Proto == packet.ProtoTCP && (f.DstPort == ftpDataPort || f.DstPort >= firstUnprivileged) {
		if s := t.exact(f, ftpPort); s != nil {
			return s
		}
	}
	if t.anyPort {
		return t.exact(f, 0)
	}
	return nil
}

// lookupMark returns the service of the first mark that matches the packet.
func (t *Table) lookupMark(f *packet.Flow) *Service {
	for i := range t.marks {
		m := &t.marks[i]
		if m.proto == f.Proto && f.Dst.Is4() && m.from <= f.Dst.V4() && f.Dst.V4() <= m.to && m.takes(f.DstPort) {
			return m.of
		}
	}
	return nil
}

func (m *mark) takes(port uint16) bool {
	for _, r := range m.ports {
		if r.First <= port && port <= r.Last {
			return true
		}
	}
	return m.ports == nil
}

// exact returns the service at the packet's destination address and the given port.
func (t *Table) exact(f *packet.Flow, port uint16) *Service {
	key := Key{Addr: f.Dst, Port: port, Proto: f.Proto}
	mask := uint64(len(t.cells) - 1)
	for i := hash(f.Dst, port, f.Proto) & mask; t.cells[i] != nil; i = (i + 1) & mask {
		if t.cells[i].Key == key {
			return t.cells[i]
		}
	}
	return nil
}

// Server returns the real server with number id, or nil.
func (t *Table) Server(id uint32) *Server {
	if int(id) >= len(t.servers) {
		return nil
	}
	return t.servers[id]
}

// Bypass returns the server to which connections with the method Bypass refer. It has
// no address and belongs to no service. Only services of firewall marks have such
// connections. If there was never one, Bypass returns nil.
func (t *Table) Bypass() *Server { return t.bypass }

// Member reports whether the server with number id is in its service, not removed.
func (t *Table) Member(id uint32) bool { return int(id) < len(t.member) && t.member[id] }

// Tunnelled reports whether the server with number id is in its service, with the method
// TUN.
func (t *Table) Tunnelled(id uint32) bool { return int(id) < len(t.tunnels) && t.tunnels[id] }

// Servers returns all real servers by number, including removed ones. An element is
// nil if its number is free. The caller must not change the slice.
func (t *Table) Servers() []*Server { return t.servers }

// Keys returns the keys of all services, in the same order as Services.
func (t *Table) Keys() []Key {
	keys := make([]Key, len(t.services))
	for i, s := range t.services {
		keys[i] = s.Key
	}
	return keys
}

// Services returns all services in the order in which they were added. The caller
// must not change the slice.
func (t *Table) Services() []*Service { return t.services }
