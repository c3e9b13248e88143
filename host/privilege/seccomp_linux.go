package privilege

import (
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// calls are the system calls of a running director: of the Go runtime, of the ports, of
// netlink, of the HTTP listeners and of the state file. Calls with the names of one
// architecture are in oldCalls.
var calls = append(oldCalls,
	// Memory. The race detector uses more of them than the Go runtime.
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_MINCORE,
	unix.SYS_MEMBARRIER, unix.SYS_MLOCK, unix.SYS_MUNLOCK,
	// Threads and signals. A thread may start threads, but the process no other program.
	unix.SYS_CLONE, unix.SYS_CLONE3, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_FUTEX, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SCHED_SETAFFINITY, unix.SYS_GETCPU,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_RESTART_SYSCALL,
	unix.SYS_PRCTL, unix.SYS_CAPGET, unix.SYS_PRLIMIT64, unix.SYS_GETRUSAGE, unix.SYS_GETRANDOM, unix.SYS_UNAME, unix.SYS_SYSINFO,
	// Time.
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE,
	// Descriptors.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_CLOSE,
	unix.SYS_FCNTL, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_IOCTL, unix.SYS_EVENTFD2, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL,
	unix.SYS_EPOLL_PWAIT, unix.SYS_PPOLL, unix.SYS_SPLICE, unix.SYS_SENDFILE, unix.SYS_COPY_FILE_RANGE,
	// Files. Landlock says which ones.
	unix.SYS_OPENAT, unix.SYS_OPENAT2, unix.SYS_FSTAT, unix.SYS_STATX, unix.SYS_STATFS, unix.SYS_FSTATFS, unix.SYS_LSEEK, unix.SYS_GETDENTS64,
	unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINKAT, unix.SYS_GETCWD, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT, unix.SYS_MKDIRAT,
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FLOCK, unix.SYS_UMASK,
	// Sockets. Whatever listens is open already: listen is not needed.
	unix.SYS_BIND, unix.SYS_CONNECT, unix.SYS_ACCEPT4, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SENDMSG, unix.SYS_RECVMSG,
	unix.SYS_SENDMMSG, unix.SYS_RECVMMSG, unix.SYS_SHUTDOWN, unix.SYS_SOCKETPAIR,
)

// chosen are system calls that are allowed for some values of their first argument.
var chosen = []struct {
	call   uint32
	values []uint32
}{
	// Netlink, lookups of names, the service manager, and interfaces' features.
	{unix.SYS_SOCKET, []uint32{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK}},
	// The steering maps are read and changed. No map, program or link is made.
	{unix.SYS_BPF, []uint32{
		unix.BPF_MAP_LOOKUP_ELEM, unix.BPF_MAP_UPDATE_ELEM, unix.BPF_MAP_DELETE_ELEM, unix.BPF_MAP_GET_NEXT_KEY,
		unix.BPF_MAP_LOOKUP_BATCH, unix.BPF_MAP_UPDATE_BATCH, unix.BPF_MAP_DELETE_BATCH,
		unix.BPF_OBJ_GET_INFO_BY_FD, unix.BPF_LINK_DETACH,
	}},
	// Threads of this process alone.
	{unix.SYS_TGKILL, []uint32{uint32(os.Getpid())}},
}

// The offsets in struct seccomp_data (linux/seccomp.h). Of a 64-bit argument only the
// lower half counts here: the kernel takes those arguments as int.
const (
	offsetCall     = 0
	offsetArch     = 4
	offsetArgument = 16
)

// filterCalls refuses all other system calls with EPERM. A call of another architecture's
// table ends the process, because no part of it makes such calls.
func filterCalls() error { return installFilter(filter()) }

func filter() []unix.SockFilter {
	statement := func(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }
	load := func(offset uint32) unix.SockFilter {
		return statement(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, offset)
	}
	unlessEqual := func(k uint32, skip int) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: uint8(skip), K: k}
	}
	end := func(action uint32) unix.SockFilter { return statement(unix.BPF_RET|unix.BPF_K, action) }
	allowed, refused := end(unix.SECCOMP_RET_ALLOW), end(unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM))

	program := []unix.SockFilter{
		load(offsetArch), {Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 1, K: auditArch}, end(unix.SECCOMP_RET_KILL_PROCESS),
		load(offsetCall),
	}
	for _, c := range chosen {
		program = append(program, unlessEqual(c.call, 2+2*len(c.values)), load(offsetArgument))
		for _, v := range c.values {
			program = append(program, unlessEqual(v, 1), allowed)
		}
		program = append(program, refused)
	}
	for _, c := range slices.Sorted(slices.Values(calls)) {
		program = append(program, unlessEqual(uint32(c), 1), allowed)
	}
	return append(program, refused)
}
