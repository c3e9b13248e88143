package afxdp

import (
	"director/packet"

	"golang.org/x/sys/unix"
)

// Port is one AF_XDP socket. It implements dataplane.Port. One goroutine uses it, but
// any goroutine may call Fd, Terms and Counters.
type Port struct {
	umem []byte
	free []uint64 // stack of the addresses of free chunks
	fill producer[uint64]
	done consumer[uint64] // the completion ring
	rx   consumer[unix.XDPDesc]
	tx   producer[unix.XDPDesc]

	fd    int
	down  bool // the last system call reported that the link is down
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

// Flush transmits the frames with the verdict Tx from their chunks, and takes all
// frames back.
func (p *Port) Flush(b *packet.Batch) error {
	if b.N == 0 {
		return nil
	}
	if p.down {
		p.send() // updates p.down
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

// Fd returns the socket. It is readable when the receive ring contains frames.
// Polling it also makes the kernel continue with a transmit ring that got stuck.
func (p *Port) Fd() int { return p.fd }

// Terms returns what the kernel accepted when the port was opened.
func (p *Port) Terms() Terms { return p.terms }

// lend sets f to the frame in a chunk.
func (p *Port) lend(f *packet.Frame, chunk uint64) *packet.Frame {
	end := chunk + ChunkSize
	f.Buf = p.umem[chunk:end:end]
	f.Token = chunk
	return f
}

// fits reports whether the kernel accepts the frame. Other frames must not go to the
// ring, because the kernel would skip the descriptor and not return the chunk.
func fits(f *packet.Frame) bool {
	return f.Off >= 0 && f.Len >= ethernetHeader && f.Off <= ChunkSize-f.Len
}

const ethernetHeader = 14 // IEEE 802.3: two addresses and a type

// space returns how many frames, up to n, may be put into the transmit ring. While
// the link is down it returns 0. Otherwise stale frames would be sent when the link
// comes up.
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

// refill puts free chunks into the fill ring, one batch at a time. As long as there
// are free chunks, the ring lacks less than a batch.
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
