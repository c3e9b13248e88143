package daemon

import (
	"context"
	"net/netip"
	"slices"
	"sync"

	"director/host/vip"
	"director/service"
)

// holdVIPs gives the services' addresses to the host.
func (d *Daemon) holdVIPs(ctx context.Context) error {
	if !d.config.ManageVIPs {
		return nil
	}
	c := vip.Config{First: d.config.Interfaces[0], On: map[netip.Addr]string{}, Log: d.log}
	for _, v := range d.config.VIPInterfaces {
		c.On[v.VIP] = v.Interface
	}
	c.VIPs, c.Prefixes = Virtual(d.control.Specs(), d.config.Marks)
	holder, err := vip.Hold(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { holder.Run(ctx) })
	d.defers("remove the VIPs", func() error {
		cancel()
		running.Wait()
		d.following.Lock()
		d.vips = nil // the network may still change
		d.following.Unlock()
		return d.letGo(holder)
	})
	d.following.Lock()
	defer d.following.Unlock()
	d.vips = holder
	return nil
}

// Virtual lists the addresses of the services, and the prefixes of those
// firewall marks that have one.
func Virtual(specs []service.Spec, marks []service.Mark) (vips []netip.Addr, prefixes []netip.Prefix) {
	add := func(p netip.Prefix) {
		if a := p.Addr(); p.IsSingleIP() && !slices.Contains(vips, a) {
			vips = append(vips, a)
		} else if !p.IsSingleIP() && !slices.Contains(prefixes, p) {
			prefixes = append(prefixes, p)
		}
	}
	for _, s := range specs {
		if s.Mark == 0 {
			add(netip.PrefixFrom(s.Addr.Netip(), s.Addr.Netip().BitLen()))
		}
		for _, m := range marks {
			if s.Mark == m.Mark {
				add(m.Prefix)
			}
		}
	}
	return vips, prefixes
}
