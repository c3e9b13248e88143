//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/vishvananda/netlink"
)

// Lab is a complete network except for the director itself: the caller starts it in the
// host Director. The fields do not change after New.
type Lab struct {
	Config
	Name string // the prefix of its namespaces' names: dirlab-PID-N

	VIP      netip.Addr
	Front    netip.Addr // the director's own address towards the clients
	Back     netip.Addr // its address towards the servers: their default gateway
	Director *Host
	Clients  []*Host
	Servers  []*Host
	Switch   *Host // has the other ends of the wires, HOST-DEV, and the bridges front and back

	hosts    []*Host
	attached []io.Closer        // programs on the servers
	cancel   context.CancelFunc // ends the watch over the context of New

	closeOnce sync.Once
	closeErr  error
}

// count numbers the labs of one process.
var count atomic.Int64

// New builds a lab. The lab is closed by Close, or earlier when ctx is done.
func New(ctx context.Context, c Config) (*Lab, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Lab{
		Config: c,
		VIP:    c.vip(),
		Front:  hostAddr(frontNet, directorOctet),
		Back:   hostAddr(backNet, directorOctet),
	}
	if err := l.open(ctx, l.build); err != nil {
		return nil, err
	}
	return l, nil
}

// open sets the name of the lab, builds it, and closes it when ctx is done.
func (l *Lab) open(ctx context.Context, build func(context.Context) error) error {
	if os.Geteuid() != 0 {
		return errors.New("lab: network namespaces need root: run as root")
	}
	if err := Sweep(); err != nil {
		return fmt.Errorf("lab: %w", err)
	}
	l.Name = fmt.Sprintf("%s%d-%d", namePrefix, os.Getpid(), count.Add(1))
	ctx, l.cancel = context.WithCancel(ctx)
	if err := build(ctx); err != nil {
		return fmt.Errorf("lab: %w", errors.Join(err, l.Close()))
	}
	context.AfterFunc(ctx, func() { _ = l.Close() }) // the caller's Close has the error
	return nil
}

// Close kills the processes that were started in the lab, and removes links and namespaces.
// If somebody else has a socket in a namespace, the namespace continues to exist without a
// name and without links. Close may be called again and then returns the first result.
func (l *Lab) Close() error {
	l.closeOnce.Do(func() { l.closeErr = l.takeDown() })
	return l.closeErr
}

// Plug connects the cable of a host's interface to the switch or disconnects it. An
// interface whose cable is disconnected stays up and loses its carrier.
func (l *Lab) Plug(h *Host, dev string, in bool) error {
	return l.Switch.SetUp(portName(h, dev), in)
}

// build makes the hosts, then the wires, then the addresses and routes.
func (l *Lab) build(ctx context.Context) error {
	if err := l.addHosts(ctx); err != nil {
		return err
	}
	if err := l.wire(ctx); err != nil {
		return err
	}
	if err := l.route(); err != nil {
		return err
	}
	return ctx.Err()
}

func (l *Lab) addHosts(ctx context.Context) error {
	var err error
	if l.Switch, err = l.addHost(ctx, "switch"); err != nil {
		return err
	}
	if l.Director, err = l.addHost(ctx, "director"); err != nil {
		return err
	}
	l.Director.Addr = l.Front
	for i := range l.Config.Clients {
		h, err := l.addHost(ctx, fmt.Sprintf("client%d", i+1))
		if err != nil {
			return err
		}
		h.Sources = l.sources(i)
		h.Addr = h.Sources[0]
		l.Clients = append(l.Clients, h)
	}
	for i := range l.Config.Servers {
		h, err := l.addHost(ctx, fmt.Sprintf("rs%d", i+1))
		if err != nil {
			return err
		}
		h.Addr = hostAddr(backNet, serverOctet+i)
		l.Servers = append(l.Servers, h)
	}
	return nil
}

// addHost makes one host with the sysctls that are the same for all hosts.
func (l *Lab) addHost(ctx context.Context, name string) (*Host, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	h, err := newHost(l.Name, name)
	if err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	return h, errors.Join(h.quiet(), h.SetUp("lo", true))
}

func (l *Lab) takeDown() error {
	l.cancel()
	var errs []error
	for _, c := range l.attached {
		errs = append(errs, c.Close())
	}
	for _, h := range l.hosts {
		errs = append(errs, h.unwire())
	}
	for _, h := range l.hosts {
		errs = append(errs, h.shut())
	}
	return errors.Join(errs...)
}

// unwire removes a host's links and so their other ends. The kernel would also remove them
// with the namespace, but later.
func (h *Host) unwire() error {
	links, err := h.Link.LinkList()
	if err != nil {
		return fmt.Errorf("list links of %s: %w", h.Name, err)
	}
	var errs []error
	for _, dev := range links {
		switch dev.(type) {
		case *netlink.Veth, *netlink.Bridge:
			errs = append(errs, h.Link.LinkDel(dev))
		}
	}
	return errors.Join(errs...)
}
