package afxdp

import (
	"director/packet"

	"golang.org/x/sys/unix"
)

// Port is one AF_XDP socket. It is a dataplane.Port: one goroutine uses it;
// Fd, Terms and Counters may be called from elsewhere.
type Port struct {
	umem []byte
	free []uint64 // addresses of free chunks, the last freed on top
	fill producer[uint64]
	done consumer[uint64] // the completion ring
	rx   consumer[unix.XDPDesc]
	tx   producer[unix.XDPDesc]

	fd    int
	down  bool // the last kick found the link down
	stuck bool // the last kick left frames in the transmit ring

	terms  Terms
	count  counters
	kernel kernelCounters
	sock   *socket
}

// Recv lends the frames that have arrived. Token is the address of the chunk.
func (p *Port) Recv(b *packet.Batch) error {
	if p.stuck {
		p.kick()
	}
	p.reclaim()
	p.refill()
	n := p.rx.ready(packet.BatchSize)
	if n == 0 {
		return nil
	}
	for range n {
		d := p.rx.take()
		f := p.lend(b.Add(), d.Addr&^(ChunkSize-1))
		f.Off = int32(d.Addr & (ChunkSize - 1))
		f.Len = int32(d.Len)
	}
	p.rx.release()
	p.count.rx.Add(uint64(n))
	return nil
}

// Alloc lends an empty frame.
func (p *Port) Alloc(b *packet.Batch) bool {
	if len(p.free) == 0 {
		p.reclaim()
	}
	if b.Full() || len(p.free) == 0 {
		return false
	}
	last := len(p.free) - 1
	f := p.lend(b.Add(), p.free[last])
	p.free = p.free[:last]
	f.Off, f.Len = headroom, 0
	return true
}

// Flush transmits the frames marked Tx from where they lie, and takes all back.
func (p *Port) Flush(b *packet.Batch) error {
	if b.N == 0 {
		return nil
	}
	if p.down {
		p.send() // is it still?
	}
	room := p.space(uint32(b.N))
	var sent, full, invalid uint32
	for i := range b.N {
		f := &b.Frames[i]
		switch {
		case f.Verdict != packet.Tx:
		case !fits(f):
			invalid++
		case sent == room:
			full++
		default:
			p.tx.put(unix.XDPDesc{Addr: f.Token + uint64(f.Off), Len: uint32(f.Len)})
			sent++
			continue
		}
		p.free = append(p.free, f.Token)
	}
	b.N = 0
	if sent > 0 {
		p.tx.publish()
		p.kick()
		p.reclaim()
		p.count.tx.Add(uint64(sent))
	}
	if full+invalid > 0 {
		p.count.lost(full, invalid, p.down)
	}
	return nil
}

// Fd is the socket: readable when frames wait in the receive ring. Waiting on
// it with poll also moves a transmit ring that got stuck.
func (p *Port) Fd() int { return p.fd }

// Terms is what the kernel agreed to when the port was opened.
func (p *Port) Terms() Terms { return p.terms }

// lend makes f the frame in a chunk.
func (p *Port) lend(f *packet.Frame, chunk uint64) *packet.Frame {
	end := chunk + ChunkSize
	f.Buf = p.umem[chunk:end:end]
	f.Token = chunk
	return f
}

// fits reports whether the kernel will take the frame. It must never see
// another: it would pass over the descriptor and keep the chunk.
func fits(f *packet.Frame) bool {
	return f.Off >= 0 && f.Len >= ethernetHeader && f.Off <= ChunkSize-f.Len
}

const ethernetHeader = 14 // IEEE 802.3: two addresses and a type

// space is how many frames, up to n, may go to the transmit ring. A link that
// is down gets none, or they would leave as stale ones when it comes up.
func (p *Port) space(n uint32) uint32 {
	if p.down {
		return 0
	}
	room := p.tx.room(n)
	if room < n {
		p.kick()
		room = p.tx.room(n)
	}
	return room
}

// reclaim frees the chunks whose transmission is complete.
func (p *Port) reclaim() {
	n := p.done.ready(p.done.mask + 1)
	if n == 0 {
		return
	}
	for range n {
		p.free = append(p.free, p.done.take()&^(ChunkSize-1))
	}
	p.done.release()
}

// refill puts free chunks into the fill ring, a batch at a time, so that it
// stays full but for one batch as long as there are chunks.
func (p *Port) refill() {
	put := false
	for len(p.free) >= packet.BatchSize && p.fill.room(packet.BatchSize) == packet.BatchSize {
		keep := len(p.free) - packet.BatchSize
		for _, chunk := range p.free[keep:] {
			p.fill.put(chunk)
		}
		p.free = p.free[:keep]
		put = true
	}
	if put {
		p.fill.publish()
	}
	if p.fill.sleeping() {
		p.wake()
	}
}
