package answer_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"director/dataplane/answer"
	"director/packet"
)

// mask is the kernel's default: types 3, 4, 11 and 12.
const mask = 6168

// start is the time at which these tests begin. It is not 0, as a real clock is not.
const start = int64(1_700_000_000 * time.Second)

func limiter(interval time.Duration) *answer.Limiter {
	l := &answer.Limiter{}
	l.Set(interval, mask)
	return l
}

// count returns how many of n errors of one type are allowed to dst at now.
func count(l *answer.Limiter, n int, dst packet.Addr, typ, code uint8, now int64) (allowed int) {
	for range n {
		if l.Allow(dst, typ, code, now) {
			allowed++
		}
	}
	return allowed
}

func host(n int) packet.Addr { return packet.AddrFrom4(0x0a000000 + uint32(n)) }

func TestLimiter_GivesADestinationSixAndOneMoreASecond(t *testing.T) {
	l := limiter(time.Second)
	for _, c := range []struct {
		after time.Duration
		want  int
	}{
		{0, 6}, {0, 0}, {999 * time.Millisecond, 0}, {time.Second, 1}, {1500 * time.Millisecond, 0},
		{2 * time.Second, 1}, {5 * time.Second, 3}, {time.Hour, 6},
	} {
		if got := count(l, 10, host(1), 3, 3, start+int64(c.after)); got != c.want {
			t.Errorf("after %v: %d of 10 allowed, want %d", c.after, got, c.want)
		}
	}
}

func TestLimiter_SharesABucketAmongTypes(t *testing.T) {
	l := limiter(time.Second)
	got := []int{
		count(l, 2, host(1), 3, 3, start), count(l, 2, host(1), 11, 0, start),
		count(l, 9, host(1), 12, 0, start), count(l, 9, host(2), 3, 3, start),
	}
	for i, want := range []int{2, 2, 2, 6} {
		if got[i] != want {
			t.Errorf("step %d: %d allowed, want %d", i, got[i], want)
		}
	}
}

func TestLimiter_ExemptsFragmentationNeededAndOtherTypes(t *testing.T) {
	l := limiter(time.Second)
	count(l, 10, host(1), 3, 3, start)
	for i := range 60 {
		count(l, 1, host(2+i), 3, 3, start) // uses up the limit for all destinations
	}
	for name, c := range map[string]struct{ typ, code uint8 }{
		"fragmentation needed": {3, 4}, "redirect": {5, 0}, "no such type": {40, 0}, "type 35, one bit from 3": {35, 0},
	} {
		if got := count(l, 1000, host(1), c.typ, c.code, start); got != 1000 {
			t.Errorf("%s: %d of 1000 allowed", name, got)
		}
	}
	if count(l, 1, host(1), 3, 3, start) != 0 {
		t.Error("an exempt error filled the bucket")
	}
}

func TestLimiter_GivesAllDestinationsFiftyAndAThousandASecond(t *testing.T) {
	for name, interval := range map[string]time.Duration{"with a limit for each": time.Second, "without": 0} {
		t.Run(name, func(t *testing.T) {
			l := limiter(interval)
			got, want := [3]int{}, [3]int{50, 1, 50}
			for n, after := range []time.Duration{0, time.Millisecond, time.Second} {
				for i := range 200 {
					got[n] += count(l, 1, host(1000*n+i), 3, 3, start+int64(after))
				}
			}
			if got != want {
				t.Errorf("%v allowed at 0, 1 ms and 1 s; want %v", got, want)
			}
		})
	}
}

func TestLimiter_TakesFromNeitherBucketUnlessBothHaveSome(t *testing.T) {
	l := limiter(time.Second)
	if got := count(l, 1000, host(1), 3, 3, start); got != 6 {
		t.Fatalf("%d allowed, want 6", got)
	}
	for i := range 44 { // 50 - 6: refused errors do not count
		if count(l, 1, host(100+i), 3, 3, start) != 1 {
			t.Fatalf("%d others allowed, want 44", i)
		}
	}
	if count(l, 10, host(2), 3, 3, start) != 0 {
		t.Fatal("more than 50 allowed")
	}
	if got := count(l, 10, host(2), 3, 3, start+int64(50*time.Millisecond)); got != 6 {
		t.Errorf("%d allowed to a destination that the limit for all refused, want 6", got)
	}
}

func TestLimiter_CanBeChanged(t *testing.T) {
	l := limiter(time.Second)
	count(l, 6, host(1), 3, 3, start)
	l.Set(time.Second, mask)
	if count(l, 1, host(1), 3, 3, start) != 0 {
		t.Error("Set with the same values filled the bucket")
	}
	l.Set(100*time.Millisecond, mask)
	if got := count(l, 10, host(1), 3, 3, start); got != 6 {
		t.Errorf("%d allowed at a new rate, want 6", got)
	}
	if got := count(l, 10, host(1), 3, 3, start+int64(200*time.Millisecond)); got != 2 {
		t.Errorf("%d allowed after two intervals, want 2", got)
	}
	l.Set(0, mask)
	if got := count(l, 10, host(1), 3, 3, start+int64(200*time.Millisecond)); got != 10 {
		t.Errorf("%d of 10 allowed without a limit for destinations", got)
	}
	l.Set(time.Second, 0)
	if got := count(l, 1000, host(1), 3, 3, start+int64(200*time.Millisecond)); got != 1000 {
		t.Errorf("%d of 1000 allowed with an empty mask", got)
	}
}

// model is a limiter as the kernel's documentation describes it: credits that grow
// with time. Times are whole milliseconds, so nothing is rounded.
type model struct {
	interval, now, total int64
	hosts                map[packet.Addr]int64 // milliseconds of credit
}

func (m *model) pass(ms int64) {
	m.now += ms
	m.total = min(50, m.total+ms)
	for h := range m.hosts {
		m.hosts[h] = min(6*m.interval, m.hosts[h]+ms)
	}
}

func (m *model) allow(dst packet.Addr) bool {
	credit, known := m.hosts[dst]
	if !known {
		credit = 6 * m.interval
	}
	if m.total < 1 || credit < m.interval {
		return false
	}
	m.total--
	m.hosts[dst] = credit - m.interval
	return true
}

func TestLimiter_AgreesWithTheSlowModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, interval := range []int64{1, 3, 20, 1000} {
		l := limiter(time.Duration(interval) * time.Millisecond)
		m := &model{interval: interval, total: 50, hosts: map[packet.Addr]int64{}}
		for n := range 20_000 {
			if r.IntN(3) == 0 {
				m.pass(r.Int64N(1 + r.Int64N(2*interval)))
			}
			dst := host(r.IntN(1 + r.IntN(80)))
			now := start + m.now*int64(time.Millisecond)
			if got, want := l.Allow(dst, 11, 0, now), m.allow(dst); got != want {
				t.Fatalf("interval %d ms, call %d to %s at %d ms: Allow = %v, want %v", interval, n, dst, m.now, got, want)
			}
		}
	}
}

// Many destinations get one error each. The interval is so long that no bucket
// becomes full again.
func TestLimiter_HasRoomForEveryDestination(t *testing.T) {
	l := limiter(time.Hour)
	n := 0
	if allocs := testing.AllocsPerRun(20_000, func() {
		n++
		if !l.Allow(host(n), 3, 3, start+int64(n)*int64(time.Millisecond)) {
			t.Errorf("destination %d refused", n)
		}
	}); allocs != 0 {
		t.Errorf("%v allocations, want 0", allocs)
	}
}

func TestLimiter_IsSharedByWorkers(t *testing.T) {
	l := limiter(time.Second)
	var allowed atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 100 {
				allowed.Add(int64(count(l, 1, host(i%5), 3, 3, start)))
			}
		})
	}
	wg.Wait()
	if got := allowed.Load(); got != 30 {
		t.Errorf("%d allowed to five destinations, want 30", got)
	}
}

func TestLimiterCopy_CountsForItself(t *testing.T) {
	l := new(answer.Limiter)
	l.Set(time.Second, 1<<packet.ICMPUnreachable)
	client := packet.MustAddr("198.51.100.7")
	allowed := func(l *answer.Limiter) (n int) {
		for l.Allow(client, packet.ICMPUnreachable, packet.CodePort, 0) {
			n++
		}
		return n
	}
	l.Allow(client, packet.ICMPUnreachable, packet.CodePort, 0)
	if got := allowed(l.Copy()); got != 5 {
		t.Errorf("the copy allows %d more, want 5", got)
	}
	if got := allowed(l); got != 5 {
		t.Errorf("the original allows %d more, want 5", got)
	}
}
