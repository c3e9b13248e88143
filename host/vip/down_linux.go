package vip

import (
	"maps"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// downs remembers which links were seen down since the last check. A link can come up again
// before the check lists it. Its zero value is ready for use.
type downs struct {
	mu    sync.Mutex
	links map[int]bool // by index
}

// note handles an event.
func (d *downs) note(m *syscall.NetlinkMessage) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return
	}
	if info := nl.DeserializeIfInfomsg(m.Data); info.Flags&unix.IFF_RUNNING == 0 {
		d.add(map[int]bool{int(info.Index): true})
	}
}

// add adds links, which may be links that take returned.
func (d *downs) add(links map[int]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links == nil {
		d.links = map[int]bool{}
	}
	maps.Copy(d.links, links)
}

// take returns the links and forgets them.
func (d *downs) take() map[int]bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	links := d.links
	d.links = nil
	return links
}
