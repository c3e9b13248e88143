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
	now, err := current()
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	then := now
	for i := range then {
		then[i].Effective &= keeps(i)
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
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
