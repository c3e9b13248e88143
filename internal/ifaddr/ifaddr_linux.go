// Package ifaddr lists and changes the IPv4 addresses of the host's interfaces by
// netlink. It is made for many addresses: a change sends a batch of requests by one
// system call, and a listing makes no garbage.
package ifaddr

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Address is an address of an interface.
type Address struct {
	Link   int
	Prefix netip.Prefix // the address, and the length of its subnet's prefix
	Valid  uint32       // the lifetime that is left, in seconds, or Forever
}

// Forever is the lifetime of an address that does not expire (INFINITY_LIFE_TIME in
// net/ipv4/devinet.c).
const Forever = 1<<32 - 1

// ErrInterrupted is returned by List if the addresses changed meanwhile, so that the list
// may be incomplete.
var ErrInterrupted = errors.New("the addresses changed while they were listed")

const (
	// batch is the number of requests that are sent by one system call. The kernel
	// answers every request that it refuses, and all answers of a batch have to fit into
	// the receive buffer of a socket (net.core.rmem_default, 200 KiB).
	batch = 64
	// receiveSize is the length of a read. The kernel fills at most 32 KiB at a time
	// (netlink_dump).
	receiveSize = 1 << 15
)

// Socket is a netlink socket. One goroutine uses it at a time.
type Socket struct {
	fd  int
	seq uint32
	out []byte
	in  []byte
}

// Open opens a socket in the network namespace of the calling thread.
func Open() (*Socket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, errors.Join(os.NewSyscallError("bind", err), unix.Close(fd))
	}
	return &Socket{fd: fd, in: make([]byte, receiveSize)}, nil
}

// Close closes the socket.
func (s *Socket) Close() error { return unix.Close(s.fd) }

// List appends all IPv4 addresses to list, in the kernel's order.
func (s *Socket) List(list []Address) ([]Address, error) {
	s.out = s.out[:0]
	s.begin(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	s.out = append(s.out, unix.AF_INET, 0, 0, 0, 0, 0, 0, 0) // struct ifaddrmsg
	s.end(0)
	if err := s.send(); err != nil {
		return list, err
	}
	interrupted := false
	for {
		msgs, err := s.receive()
		if err != nil {
			return list, err
		}
		for len(msgs) > 0 {
			var m message
			if m, msgs, err = next(msgs); err != nil {
				return list, err
			}
			interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
			switch {
			case m.seq != s.seq:
			case m.kind == unix.NLMSG_ERROR:
				return list, m.err()
			case m.kind == unix.NLMSG_DONE && interrupted:
				return list, ErrInterrupted
			case m.kind == unix.NLMSG_DONE:
				return list, nil
			case m.kind == unix.RTM_NEWADDR:
				if a, ok := parse(m.data); ok {
					list = append(list, a)
				}
			}
		}
	}
}

// Replace adds addresses, or gives those that exist already another lifetime. For each
// address that the kernel refuses it calls failed with its index. It returns an error if
// it cannot talk to the kernel.
func (s *Socket) Replace(all []Address, failed func(i int, err error)) error {
	return s.change(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, all, failed)
}

// Delete removes addresses. It reports as Replace does.
func (s *Socket) Delete(all []Address, failed func(i int, err error)) error {
	return s.change(unix.RTM_DELADDR, 0, all, failed)
}

// change sends a request for each address. Only the last request of a batch asks for an
// answer. The kernel answers in order, so then it has answered the others, too.
func (s *Socket) change(kind, flags uint16, all []Address, failed func(i int, err error)) error {
	for at := 0; at < len(all); at += batch {
		part := all[at:min(at+batch, len(all))]
		s.out = s.out[:0]
		first := s.seq + 1
		for i := range part {
			if i == len(part)-1 {
				flags |= unix.NLM_F_ACK
			}
			s.request(kind, flags, &part[i])
		}
		flags &^= unix.NLM_F_ACK
		if err := s.send(); err != nil {
			return err
		}
		if err := s.answers(first, func(i int, err error) { failed(at+i, err) }); err != nil {
			return err
		}
	}
	return nil
}

// answers reads the answers to the requests since first, up to that to the last one.
func (s *Socket) answers(first uint32, failed func(i int, err error)) error {
	for {
		msgs, err := s.receive()
		if err != nil {
			return err
		}
		for len(msgs) > 0 {
			var m message
			if m, msgs, err = next(msgs); err != nil {
				return err
			}
			if m.kind != unix.NLMSG_ERROR || m.seq-first > s.seq-first {
				continue
			}
			if err := m.err(); err != nil {
				failed(int(m.seq-first), err)
			}
			if m.seq == s.seq {
				return nil
			}
		}
	}
}

// request appends a request to add or remove an address.
func (s *Socket) request(kind, flags uint16, a *Address) {
	at := s.begin(kind, flags)
	ip := a.Prefix.Addr().As4()
	s.out = append(s.out, unix.AF_INET, uint8(a.Prefix.Bits()), 0, unix.RT_SCOPE_UNIVERSE)
	s.out = binary.NativeEndian.AppendUint32(s.out, uint32(a.Link))
	s.attribute(unix.IFA_LOCAL, ip[:])
	s.attribute(unix.IFA_ADDRESS, ip[:])
	if kind == unix.RTM_NEWADDR {
		// struct ifa_cacheinfo: the preferred and the valid lifetime. The kernel sets the rest.
		var info [16]byte
		binary.NativeEndian.PutUint32(info[0:], a.Valid)
		binary.NativeEndian.PutUint32(info[4:], a.Valid)
		s.attribute(unix.IFA_CACHEINFO, info[:])
	}
	s.end(at)
}

// begin appends the header of a request and returns its place.
func (s *Socket) begin(kind, flags uint16) (at int) {
	at = len(s.out)
	s.seq++
	s.out = binary.NativeEndian.AppendUint32(s.out, 0) // the length: see end
	s.out = binary.NativeEndian.AppendUint16(s.out, kind)
	s.out = binary.NativeEndian.AppendUint16(s.out, unix.NLM_F_REQUEST|flags)
	s.out = binary.NativeEndian.AppendUint32(s.out, s.seq)
	s.out = binary.NativeEndian.AppendUint32(s.out, 0) // the sender: the kernel knows it
	return at
}

// end sets the length of the request that begins at a place.
func (s *Socket) end(at int) {
	binary.NativeEndian.PutUint32(s.out[at:], uint32(len(s.out)-at))
}

// attribute appends an attribute. The length of its value is a multiple of four.
func (s *Socket) attribute(kind uint16, value []byte) {
	s.out = binary.NativeEndian.AppendUint16(s.out, uint16(unix.SizeofRtAttr+len(value)))
	s.out = binary.NativeEndian.AppendUint16(s.out, kind)
	s.out = append(s.out, value...)
}

func (s *Socket) send() error {
	err := unix.Sendto(s.fd, s.out, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	return os.NewSyscallError("sendto", err)
}

// receive returns the messages of one read. They are valid until the next call.
func (s *Socket) receive() ([]byte, error) {
	for {
		n, _, err := unix.Recvfrom(s.fd, s.in, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, os.NewSyscallError("recvfrom", err)
		}
		return s.in[:n], nil
	}
}

// message is a message from the kernel.
type message struct {
	kind, flags uint16
	seq         uint32
	data        []byte
}

// next returns the first message, and the others.
func next(msgs []byte) (m message, rest []byte, err error) {
	if len(msgs) < unix.SizeofNlMsghdr {
		return m, nil, fmt.Errorf("a netlink message of %d bytes", len(msgs))
	}
	n := int(binary.NativeEndian.Uint32(msgs))
	if n < unix.SizeofNlMsghdr || n > len(msgs) {
		return m, nil, fmt.Errorf("a netlink message of %d bytes in %d", n, len(msgs))
	}
	m.kind, m.flags = binary.NativeEndian.Uint16(msgs[4:]), binary.NativeEndian.Uint16(msgs[6:])
	m.seq, m.data = binary.NativeEndian.Uint32(msgs[8:]), msgs[unix.SizeofNlMsghdr:n]
	return m, msgs[min(align(n), len(msgs)):], nil
}

// err returns the error of an answer, or nil if the kernel did what was asked.
func (m *message) err() error {
	if len(m.data) < 4 {
		return fmt.Errorf("a netlink answer of %d bytes", len(m.data))
	}
	if n := int32(binary.NativeEndian.Uint32(m.data)); n != 0 {
		return unix.Errno(-n)
	}
	return nil
}

func align(n int) int { return (n + 3) &^ 3 }

// parse parses the payload of an RTM_NEWADDR message.
func parse(data []byte) (a Address, ok bool) {
	if len(data) < unix.SizeofIfAddrmsg || data[0] != unix.AF_INET {
		return a, false
	}
	bits := int(data[1])
	a.Link, a.Valid = int(binary.NativeEndian.Uint32(data[4:])), Forever
	var local, address netip.Addr
	for b := data[unix.SizeofIfAddrmsg:]; len(b) >= unix.SizeofRtAttr; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return a, false
		}
		value := b[unix.SizeofRtAttr:n]
		switch binary.NativeEndian.Uint16(b[2:]) {
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case unix.IFA_CACHEINFO:
			if len(value) >= 8 {
				a.Valid = binary.NativeEndian.Uint32(value[4:]) // ifa_valid
			}
		}
		b = b[min(align(n), len(b)):]
	}
	switch {
	case !local.IsValid():
		local = address
	case address.IsValid() && local != address: // the prefix is that of the peer
		bits = local.BitLen()
	}
	a.Prefix = netip.PrefixFrom(local, bits)
	return a, a.Prefix.IsValid()
}
