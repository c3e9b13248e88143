package privilege_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"director/host/privilege"
)

// BenchmarkSystemCall measures what seccomp and Landlock cost a worker for each system call. A
// process cannot undo Confine, so the two are run one after the other:
//
//	go test -run '^$' -bench SystemCall/free -count=7 ./host/privilege
//	go test -run '^$' -bench SystemCall/confined -count=7 ./host/privilege
func BenchmarkSystemCall(b *testing.B) {
	for _, confined := range []bool{false, true} {
		name := "free"
		if confined {
			name = "confined"
		}
		b.Run(name, func(b *testing.B) {
			if confined {
				if _, err := privilege.Confine(nil); err != nil {
					b.Skip(err)
				}
			}
			fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
			if err != nil {
				b.Fatal(err)
			}
			defer unix.Close(fd)
			var counter [8]byte
			for b.Loop() {
				if _, err := unix.Read(fd, counter[:]); !errors.Is(err, unix.EAGAIN) {
					b.Fatal(err)
				}
			}
		})
	}
}
