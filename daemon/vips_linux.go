package daemon

import (
	"context"
	"net/netip"
	"sync"

	"director/host/plan"
	"director/host/vip"
)

// holdVIPs adds the addresses of the services to the host, if --manage-vips asks for it.
func (d *Daemon) holdVIPs(ctx context.Context) error {
	if !d.config.ManageVIPs {
		return nil
	}
	c := vip.Config{First: d.config.Interfaces[0], Interfaces: d.config.Interfaces, On: map[netip.Addr]string{}, Log: d.log}
	for _, v := range d.config.VIPInterfaces {
		c.On[v.VIP] = v.Interface
	}
	c.VIPs, c.Prefixes = plan.VIPs(d.shared.View().Services.Keys(), d.config.Marks)
	holder, err := vip.Hold(c)
	if err != nil {
		return err
	}
	d.holder.Store(holder)
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { holder.Run(ctx) })
	d.defers("remove the VIPs", func() error {
		cancel()
		running.Wait()
		return d.follower.release(d.successor && d.config.State != "")
	})
	d.follower.hold(holder)
	return nil
}
