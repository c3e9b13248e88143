package privilege

import (
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// Later calls do with only those capabilities that Drop leaves. So do finds out at the
// start what the director will be able to do when it has dropped the others. do must not
// start goroutines for that, because only the calling thread is changed.
func Later(do func() error) (err error) {
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var now [2]unix.CapUserData
	if err := unix.Capget(&header, &now[0]); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("read the capabilities: %w", err)
	}
	then := now
	for i := range then {
		var mask uint32
		for _, c := range kept {
			if int(c)/32 == i {
				mask |= 1 << (c % 32)
			}
		}
		then[i].Effective &= mask
	}
	if err := unix.Capset(&header, &then[0]); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("lower the capabilities: %w", err)
	}
	defer func() {
		if e := unix.Capset(&header, &now[0]); e != nil {
			// The thread stays locked, so it does no other work.
			err = errors.Join(err, fmt.Errorf("restore the capabilities: %w", e))
			return
		}
		runtime.UnlockOSThread()
	}()
	return do()
}
