package afxdp

import "golang.org/x/sys/unix"

// idleKicks is the number of system calls without progress after which kick stops.
// The next call of kick transmits the rest.
const idleKicks = 2

// kick makes system calls until the kernel has emptied the transmit ring. In copy
// mode, one call moves a limited number of frames. In zero-copy mode, a driver that
// is awake needs no call. Each iteration either moves frames or counts as idle, so
// the loop ends.
func (p *Port) kick() {
	left := p.tx.pending()
	for idle := 0; left > 0 && idle < idleKicks && p.tx.sleeping(); {
		if !p.send() {
			break
		}
		now := p.tx.pending()
		if now == left {
			idle++
		}
		left = now
	}
	p.stuck = left > 0
}

// send makes one system call to transmit. It reports whether another call may help.
func (p *Port) send() bool {
	p.count.kicks.Add(1)
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(p.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
	p.down = errno == unix.ENETDOWN || errno == unix.ENXIO
	switch {
	case errno == 0, errno == unix.EAGAIN, errno == unix.EINTR:
		return true // EAGAIN: there is more to send
	case errno == unix.EBUSY:
		p.count.refused.Add(1) // one frame was consumed and dropped
		return true
	case p.down:
		p.count.downKicks.Add(1)
	default:
		p.count.kickErrors.Add(1)
	}
	return false
}

// wake wakes a driver that waits for chunks in the fill ring.
func (p *Port) wake() {
	p.count.wakes.Add(1)
	_, _, _ = unix.Syscall6(unix.SYS_RECVFROM, uintptr(p.fd), 0, 0, unix.MSG_DONTWAIT, 0, 0)
}
