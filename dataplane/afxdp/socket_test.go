package afxdp

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"

	"director/internal/nettest"
	"director/packet"

	"golang.org/x/sys/unix"
)

// holdings are the sockets and the memory of the process.
type holdings struct {
	sockets map[string]int // open descriptors and mapped rings, by the socket's name
	mib     int            // size of the address space
}

func hold() (h holdings, err error) {
	h.sockets = make(map[string]int)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return h, err
	}
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && strings.HasPrefix(name, "socket:") {
			h.sockets[name]++
		}
	}
	mapped, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return h, err
	}
	for line := range strings.Lines(string(mapped)) {
		if _, name, ok := strings.Cut(line, "socket:"); ok {
			h.sockets["mapping of socket:"+strings.TrimSpace(name)]++
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return h, err
	}
	_, text, _ := strings.Cut(string(status), "VmSize:")
	_, err = fmt.Sscan(text, &h.mib)
	h.mib /= 1024
	return h, err
}

// unchanged returns an error if the process has other sockets or much more memory
// than before. If each failed open leaked its UMEM, the process would have mib MiB
// more. The Go runtime may have grown meanwhile, but by less than half of that.
func (before holdings) unchanged(mib int) error {
	now, err := hold()
	if err != nil {
		return err
	}
	if !maps.Equal(now.sockets, before.sockets) {
		return fmt.Errorf("sockets held: got %v, want %v as before", now.sockets, before.sockets)
	}
	if now.mib-before.mib >= mib/2 {
		return fmt.Errorf("the address space grew by %d MiB, want less than %d", now.mib-before.mib, mib/2)
	}
	return nil
}

// onVeth calls f in a new network namespace with the configuration of queue 0 of an
// unused interface, which has two queues.
func onVeth(t *testing.T, f func(Config) error) {
	t.Helper()
	near, _ := nettest.Pair(t, 2)
	near.Do(t, func() error {
		return f(Config{Interface: near.Name, Ifindex: near.Index, Mode: Copy, Chunks: DefaultChunks})
	})
}

func TestOpenSocket_AnErrorAfterAnyStepLeavesNothing(t *testing.T) {
	planted := errors.New("planted")
	onVeth(t, func(c Config) error {
		c.Chunks = 1 << 15 // 64 MiB
		before, err := hold()
		if err != nil {
			return err
		}
		count := len((&socket{}).steps(c, Copy))
		for i := range count {
			s := &socket{fd: -1}
			steps := s.steps(c, Copy)
			do := steps[i].do
			steps[i].do = func() error {
				if err := do(); err != nil {
					return err
				}
				return planted
			}
			err := s.run(steps, c, Copy)
			want := fmt.Sprintf("%s %s queue 0 (copy): planted", steps[i].name, c.Interface)
			if !errors.Is(err, planted) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
			if s.fd != -1 || s.umem != nil || s.mappings != nil {
				t.Errorf("%s: closed socket: got descriptor %d, %d bytes of UMEM and %d mappings, want none",
					steps[i].name, s.fd, len(s.umem), len(s.mappings))
			}
		}
		s, err := openWhenFree(c, Copy)
		if err != nil {
			return fmt.Errorf("the queue is not free: %w", err)
		}
		return errors.Join(s.close(), before.unchanged(count*64))
	})
}

func TestOpenSocket_FailingAgainAndAgainLeavesNothing(t *testing.T) {
	const rounds = 50
	onVeth(t, func(good Config) error {
		missing, gone, refused := good, good, good
		missing.Queue, gone.Ifindex = 7, 1<<20
		refused.Queue, refused.Mode = 1, ZeroCopy
		s, err := openSocket(good, Copy)
		if err != nil {
			return err
		}
		defer s.close()
		for name, test := range map[string]struct {
			config Config
			want   error
		}{
			"no such queue":     {missing, unix.EINVAL},
			"no such interface": {gone, unix.ENODEV},
			"no zero-copy":      {refused, unix.EOPNOTSUPP},
			"busy":              {good, unix.EBUSY},
		} {
			before, err := hold()
			if err != nil {
				return err
			}
			for range rounds {
				s, err := openSocket(test.config, test.config.Mode)
				if s != nil || !errors.Is(err, test.want) {
					return fmt.Errorf("%s: got a socket: %v, and error %w, want error %w", name, s != nil, err, test.want)
				}
			}
			if err := before.unchanged(rounds * DefaultChunks * ChunkSize >> 20); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
}

func TestOpenSocket_NamesTheStepThatTheKernelRefuses(t *testing.T) {
	onVeth(t, func(c Config) error {
		for _, test := range []struct {
			change func(*Config)
			mode   Mode
			want   error
			text   string // %s is the interface
		}{
			{func(c *Config) { c.Chunks = 1 << 45 }, Copy, unix.ENOMEM,
				"allocate UMEM of %s queue 0 (copy): cannot allocate memory"},
			{func(c *Config) { c.Chunks = 6 }, Copy, unix.EINVAL,
				"size the fill ring of %s queue 0 (copy): invalid argument"},
			{func(c *Config) { c.Queue = 7 }, Copy, unix.EINVAL,
				"bind AF_XDP socket to %s queue 7 (copy): invalid argument (no such queue, or the driver refuses the mode)"},
			{func(*Config) {}, ZeroCopy, unix.EOPNOTSUPP,
				"bind AF_XDP socket to %s queue 0 (zero-copy): operation not supported"},
		} {
			bad := c
			test.change(&bad)
			_, err := openSocket(bad, test.mode)
			if want := fmt.Sprintf(test.text, c.Interface); !errors.Is(err, test.want) || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
		return nil
	})
}

func TestOpenSocket_SaysWhatPrivilegeIsMissing(t *testing.T) {
	for name, test := range map[string]struct {
		capability uint
		want       error
		text       string
	}{
		"no CAP_NET_RAW":  {unix.CAP_NET_RAW, unix.EPERM, "run as root or with CAP_NET_RAW"},
		"no CAP_IPC_LOCK": {unix.CAP_IPC_LOCK, unix.ENOBUFS, "too little locked memory"},
	} {
		t.Run(name, func(t *testing.T) {
			onVeth(t, func(c Config) error { // the thread ends with it
				if err := drop(test.capability); err != nil {
					return err
				}
				var limit unix.Rlimit
				none := unix.Rlimit{}
				if err := unix.Prlimit(0, unix.RLIMIT_MEMLOCK, nil, &limit); err != nil {
					return err
				}
				none.Max = limit.Max
				if err := unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &none, nil); err != nil {
					return err
				}
				defer unix.Prlimit(0, unix.RLIMIT_MEMLOCK, &limit, nil)
				_, err := openSocket(c, Copy)
				if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
					t.Errorf("got %v, want %v and %q", err, test.want, test.text)
				}
				return nil
			})
		})
	}
}

// drop removes a capability from the calling thread.
func drop(capability uint) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var sets [2]unix.CapUserData
	if err := unix.Capget(&header, &sets[0]); err != nil {
		return err
	}
	sets[capability/32].Effective &^= 1 << (capability % 32)
	return unix.Capset(&header, &sets[0])
}

func TestRegisterUMEM_RefusesMemoryThatDoesNotStartOnAPage(t *testing.T) {
	onVeth(t, func(c Config) error {
		s := &socket{fd: -1}
		if err := s.run(s.steps(c, Copy)[:2], c, Copy); err != nil {
			return err
		}
		defer s.close()
		if err := registerUMEM(s.fd, s.umem[packet.BatchSize:]); !errors.Is(err, unix.EINVAL) {
			t.Errorf("got %v, want EINVAL", err)
		}
		return nil
	})
}

func TestAddress_AsksForTheModeAndForWakeUps(t *testing.T) {
	for mode, want := range map[Mode]uint16{
		Copy:     unix.XDP_COPY | unix.XDP_USE_NEED_WAKEUP,
		ZeroCopy: unix.XDP_ZEROCOPY | unix.XDP_USE_NEED_WAKEUP,
	} {
		got := address(Config{Ifindex: 3, Queue: 5}, mode)
		if got.Flags != want || got.Ifindex != 3 || got.QueueID != 5 {
			t.Errorf("%v: got %+v, want flags %#x on interface 3 queue 5", mode, got, want)
		}
	}
}
