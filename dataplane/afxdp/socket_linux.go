package afxdp

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/asavie/xdp"
	"golang.org/x/sys/unix"
)

// Mode is how frames travel between the NIC and the UMEM.
type Mode uint8

const (
	Auto     Mode = iota // zero-copy if the driver can, else copy
	ZeroCopy             // the NIC reads and writes the UMEM itself
	Copy                 // the kernel copies
)

var modeNames = [...]string{Auto: "auto", ZeroCopy: "zero-copy", Copy: "copy"}

func (m Mode) String() string { return modeNames[m] }

// The kernel releases the queue of a closed socket, or of a killed process,
// some time later from a work queue. So a busy queue is tried again.
const (
	busyTries = 10
	busyPause = 50 * time.Millisecond
)

// opening guards asavie/xdp's bind flags, which are a package variable, and the
// search for the mappings it leaves behind.
var opening sync.Mutex

// open opens a socket in the given mode, ZeroCopy or Copy.
func open(c Config, mode Mode) (*xdp.Socket, error) {
	opening.Lock()
	defer opening.Unlock()
	xdp.DefaultSocketFlags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_COPY
	if mode == ZeroCopy {
		xdp.DefaultSocketFlags = unix.XDP_USE_NEED_WAKEUP | unix.XDP_ZEROCOPY
	}
	options := &xdp.SocketOptions{
		NumFrames: c.Chunks, FrameSize: ChunkSize,
		FillRingNumDescs: c.Chunks / 2, CompletionRingNumDescs: c.Chunks / 2,
		RxRingNumDescs: c.Chunks / 2, TxRingNumDescs: c.Chunks / 2,
	}
	for try := 1; ; try++ {
		xsk, err := xdp.NewSocket(c.Ifindex, c.Queue, options)
		if err == nil {
			return xsk, nil
		}
		if err := unmapOrphans(); err != nil {
			return nil, err
		}
		err = explain(c, mode, err)
		if !errors.Is(err, unix.EBUSY) || try == busyTries {
			return nil, err
		}
		time.Sleep(busyPause)
	}
}

// release closes the socket and frees its queue.
func release(xsk *xdp.Socket) error {
	opening.Lock()
	defer opening.Unlock()
	return errors.Join(xsk.Close(), unmapOrphans())
}

// remedies says what to do about the errors that have an answer.
var remedies = map[unix.Errno]string{
	unix.EBUSY:   "another AF_XDP socket holds the queue: stop its owner",
	unix.ENOBUFS: "too little locked memory: LimitMEMLOCK=infinity or CAP_IPC_LOCK",
	unix.EPERM:   "run as root or with CAP_NET_RAW",
	unix.EINVAL:  "no such queue, or the driver refuses the mode",
}

// explain makes an error of ours of one of asavie/xdp's, which hold the errno
// only as text.
func explain(c Config, mode Mode, err error) error {
	where := fmt.Sprintf("open AF_XDP socket on %s queue %d, %v", c.Interface, c.Queue, mode)
	step, text, _ := strings.Cut(err.Error(), ": ")
	for no := unix.Errno(1); no < maxErrno; no++ {
		if text != no.Error() {
			continue
		}
		if remedy := remedies[no]; remedy != "" {
			return fmt.Errorf("%s: %s: %w (%s)", where, step, no, remedy)
		}
		return fmt.Errorf("%s: %s: %w", where, step, no)
	}
	return fmt.Errorf("%s: %w", where, err)
}

// maxErrno is past the last error number, asm-generic/errno.h.
const maxErrno = 134
