package sched_test

import (
	"math/rand/v2"

	"director/packet"
	"director/sched"
)

// dest is a real server as the kernel has it: a link of a ring. The ring's head
// is a dest that is no server. One that was removed keeps everything, for it may
// come back.
type dest struct {
	addr          packet.Addr
	port          uint16
	weight, last  int64
	active, total int64
	overloaded    bool
	available     bool // it is in the ring
	prev, next    *dest

	load *sched.Load // what the scheduler under test sees of it
}

func newRing() *dest {
	head := new(dest)
	head.prev, head.next = head, head
	return head
}

// insert puts d at the head of the list.
func (head *dest) insert(d *dest) {
	d.prev, d.next = head, head.next
	d.prev.next, d.next.prev = d, d
	d.available = true
}

// unlink takes d out of the list. It still knows its neighbours.
func (d *dest) unlink() {
	d.prev.next, d.next.prev = d.next, d.prev
	d.available = false
}

// all are the servers in list order.
func (head *dest) all() (list []*dest) {
	for d := head.next; d != head; d = d.next {
		list = append(list, d)
	}
	return list
}

func (d *dest) usable() bool { return d.weight > 0 && !d.overloaded }

// overhead is active*256 + total.
func (d *dest) overhead() float64 { return float64(d.active)*256 + float64(d.total) }

// model chooses by the words of the rule, without cleverness, from the ring it
// was made with. It answers nil for none.
type model interface {
	pick(f *packet.Flow, now int64) *dest
	added(d *dest)
	removed(d *dest)
	edited(d *dest)
}

// unmoved is part of the models that keep nothing.
type unmoved struct{}

func (unmoved) added(*dest)   {}
func (unmoved) removed(*dest) {}
func (unmoved) edited(*dest)  {}

// newModel makes the model of a scheduler that begins with the servers of the
// ring. expiry is that of lblc and lblcr, which may change.
func newModel(name string, flags sched.Flags, head *dest, expiry *int64) model {
	switch name {
	case "rr":
		return &rrModel{head: head, last: head}
	case "wrr":
		m := &wrrModel{head: head}
		m.restart()
		m.cw = m.mw
		return m
	case "dh", "sh", "mh":
		m := &hashModel{name: name, head: head}
		if name != "dh" { // which has no flags
			m.flags = flags
		}
		m.deal()
		return m
	case "lblc", "lblcr":
		return &localModel{name: name, head: head, expiry: expiry, memories: map[packet.Addr]*memory{}}
	case "twos":
		return &twosModel{head: head, random: rand.New(rand.NewPCG(seed, 1))}
	case "none":
		return noneModel{}
	}
	return &loadModel{name: name, head: head}
}

type noneModel struct{ unmoved }

func (noneModel) pick(*packet.Flow, int64) *dest { return nil }
