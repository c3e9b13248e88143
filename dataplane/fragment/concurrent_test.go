package fragment_test

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"director/dataplane/fragment"
	"director/packet"
)

// Different workers add fragments of the same datagrams. Every datagram is completed
// once, with the right bytes, and every frame is counted once.
func TestTable_IsSharedByWorkers(t *testing.T) {
	for _, c := range []struct {
		name   string
		memory int
		all    bool // there is memory for all
	}{{"enough memory", 4 * fragment.Memory, true}, {"little memory", 0, false}} {
		t.Run(c.name, func(t *testing.T) {
			const datagrams, workers = 1500, 4
			frames := mixed(t, datagrams)
			table := fragment.New(c.memory, seed)
			var next, whole, counted, evicted atomic.Int64
			var group sync.WaitGroup
			for range workers {
				group.Go(func() {
					d := fragment.NewDatagram()
					for i := next.Add(1) - 1; i < int64(len(frames)); i = next.Add(1) - 1 {
						o := table.Add(frames[i], 0, i, d)
						counted.Add(int64(o.Dropped + o.Evicted + o.Expired + table.Expire(i)))
						evicted.Add(int64(o.Evicted))
						if o.Result == fragment.Complete {
							whole.Add(1)
							counted.Add(int64(d.Count()))
							checkContent(t, d)
						}
					}
				})
			}
			group.Wait()
			counted.Add(int64(table.Expire(fragment.Timeout + int64(len(frames)))))
			if n := counted.Load(); n != int64(len(frames)) {
				t.Errorf("%d frames were counted, want %d", n, len(frames))
			}
			if n := whole.Load(); c.all && n != datagrams || !c.all && n > datagrams {
				t.Errorf("%d datagrams were completed of %d", n, datagrams)
			}
			if n := evicted.Load(); (n == 0) != c.all {
				t.Errorf("%d frames were evicted", n)
			}
		})
	}
}

// mixed makes datagrams of various lengths and shuffles their fragments and a few
// copies. Each datagram is filled with one byte that depends on its identification.
func mixed(t *testing.T, datagrams int) (frames []*packet.Frame) {
	r := rand.New(rand.NewPCG(5, 6))
	for id := range datagrams {
		for i, p := range cut(uint16(id), bytes.Repeat([]byte{byte(id * 7)}, 2000+r.IntN(4000)), 1000) {
			frames = append(frames, p.parsed(t))
			if i == 1 && id%5 == 0 {
				frames = append(frames, p.parsed(t))
			}
		}
	}
	r.Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	return frames
}

func checkContent(t *testing.T, d *fragment.Datagram) {
	b := d.Frame.Bytes()
	id := int(b[packet.EthLen+4])<<8 | int(b[packet.EthLen+5])
	data := b[packet.EthLen+packet.IPv4Len:]
	if want := bytes.Repeat([]byte{byte(id * 7)}, len(data)); !bytes.Equal(data, want) || len(data) < 2000 {
		t.Errorf("datagram %d has the wrong content", id)
	}
}
