package afxdp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrLockedMemory is matched by an error of Open if the process may not lock as much memory
// as the queue needs.
var ErrLockedMemory = errors.New("too little locked memory: LimitMEMLOCK=infinity or CAP_IPC_LOCK")

// failure identifies an error of the kernel in one step of opening a socket.
type failure struct {
	step  string
	errno unix.Errno
}

// remedies contains the advice for failures with a known cause.
var remedies = map[failure]string{
	{stepOpen, unix.EPERM}:  "run as root or with CAP_NET_RAW",
	{stepBind, unix.EBUSY}:  "another AF_XDP socket holds the queue: stop its owner",
	{stepBind, unix.EINVAL}: "no such queue, or the driver refuses the mode",
}

// stepError returns an error that names the step, the queue, the mode and, if known,
// the remedy.
func stepError(step string, c Config, mode Mode, err error) error {
	err = fmt.Errorf("%s %s queue %d (%v): %w", step, c.Interface, c.Queue, mode, err)
	errno, ok := errors.AsType[unix.Errno](err)
	if ok && step == stepRegister && errno == unix.ENOBUFS {
		return fmt.Errorf("%w (%w)", err, ErrLockedMemory)
	}
	if ok && remedies[failure{step, errno}] != "" {
		return fmt.Errorf("%w (%s)", err, remedies[failure{step, errno}])
	}
	return err
}
