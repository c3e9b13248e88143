package privilege

import "golang.org/x/sys/unix"

const auditArch = unix.AUDIT_ARCH_AARCH64

// oldCalls are the system calls that other architectures have under other names.
var oldCalls = []int{unix.SYS_FSTATAT, unix.SYS_PSELECT6}
