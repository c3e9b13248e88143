package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/control/api"
	"director/control/config"
	"director/host"
	"director/host/plan"
	"director/neigh/rtnl"
)

// reloadTime bounds how long a reload waits for the kernel's neighbours.
const reloadTime = 10 * time.Second

// Reload reads the configuration again and applies all differences as one change, or
// none of them. Connections continue.
func (d *Daemon) Reload(ctx context.Context) error {
	select {
	case <-d.begun: // READY must not be sent earlier
	case <-ctx.Done():
		return ctx.Err()
	}
	d.loading.Lock()
	defer d.loading.Unlock()
	if err := d.manager.Reloading(); err != nil {
		d.log.Warn().Err(err).Msg("cannot notify the service manager")
	}
	err := d.reload(ctx)
	if err != nil {
		d.log.Error().Err(err).Msg("not reloaded, nothing has changed")
		err = api.Errorf(http.StatusUnprocessableEntity, "not-reloaded", "not reloaded, nothing has changed: %v", err)
	} else {
		d.log.Info().Int("services", len(d.control.Specs())).Msg("reloaded")
	}
	if err := d.manager.Ready(); err != nil {
		d.log.Warn().Err(err).Msg("cannot notify the service manager")
	}
	return err
}

func (d *Daemon) reload(ctx context.Context) error {
	if d.load == nil {
		return errors.New("the configuration that this director was started with cannot be read again")
	}
	next, err := d.load()
	if err != nil {
		return err
	}
	if names := d.loaded.Unchangeable(next); names != nil {
		return fmt.Errorf("%s: a change needs a restart", strings.Join(names, ", "))
	}
	if err := plan.CheckInterfaces(next, host.Exists); err != nil {
		return err
	}
	if !slices.Equal(next.Neighbors, d.loaded.Neighbors) {
		ctx, cancel := context.WithTimeout(ctx, reloadTime)
		defer cancel()
		if err := d.watch.Statics(ctx, statics(next)); err != nil {
			return err
		}
	}
	if err := d.control.Update(func(now control.Settings) control.Settings { return d.merge(next, now) }); err != nil {
		if e, ok := errors.AsType[*control.ServiceError](err); ok {
			err = fmt.Errorf("%s: %w", api.SubjectOf(&e.Op), e.Err)
		}
		if !slices.Equal(next.Neighbors, d.loaded.Neighbors) {
			// The request that asked for the reload may have ended.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTime)
			defer cancel()
			err = errors.Join(err, d.watch.Statics(ctx, statics(d.loaded)))
		}
		return err
	}
	if !slices.Equal(next.Neighbors, d.loaded.Neighbors) {
		d.control.Refresh() // the workers know the new neighbours before anybody hears of success
	}
	d.control.SkipUnreachable(next.SkipUnreachable)
	if next.LogLevel != d.loaded.LogLevel {
		zerolog.SetGlobalLevel(next.LogLevel)
	}
	d.loaded = next
	return nil
}

// merge returns the settings after a reload. They are those of the next configuration,
// except that runtime changes are kept unless --reload-runtime=drop.
func (d *Daemon) merge(next *config.Config, now control.Settings) control.Settings {
	last, want := settings(d.loaded), settings(next)
	if d.loaded.ReloadRuntime == config.RuntimeDrop {
		return want
	}
	return control.Settings{
		Services: control.Merge(last.Services, want.Services, now.Services),
		Timeouts: control.MergeTimeouts(last.Timeouts, want.Timeouts, now.Timeouts),
		Sysctl:   control.MergeSysctl(last.Sysctl, want.Sysctl, now.Sysctl),
	}
}

// settings returns the part of a configuration that can change while running.
func settings(c *config.Config) control.Settings {
	return control.Settings{Services: c.Services, Timeouts: c.Timeouts, Sysctl: c.Sysctl}
}

func statics(c *config.Config) []rtnl.Static {
	all := make([]rtnl.Static, len(c.Neighbors))
	for i, n := range c.Neighbors {
		all[i] = rtnl.Static{IP: n.IP, MAC: n.MAC, Interface: n.Interface}
	}
	return all
}
