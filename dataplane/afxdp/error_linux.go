package afxdp

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// failure is an error of the kernel at a step of opening a socket.
type failure struct {
	step  string
	errno unix.Errno
}

// remedies says what to do about the failures that have an answer.
var remedies = map[failure]string{
	{stepOpen, unix.EPERM}:       "run as root or with CAP_NET_RAW",
	{stepRegister, unix.ENOBUFS}: "too little locked memory: LimitMEMLOCK=infinity or CAP_IPC_LOCK",
	{stepBind, unix.EBUSY}:       "another AF_XDP socket holds the queue: stop its owner",
	{stepBind, unix.EINVAL}:      "no such queue, or the driver refuses the mode",
}

// stepError says which step failed, on which queue and in which mode, and what
// to do about it.
func stepError(step string, c Config, mode Mode, err error) error {
	err = fmt.Errorf("%s %s queue %d (%v): %w", step, c.Interface, c.Queue, mode, err)
	if errno, ok := errors.AsType[unix.Errno](err); ok && remedies[failure{step, errno}] != "" {
		return fmt.Errorf("%w (%s)", err, remedies[failure{step, errno}])
	}
	return err
}
