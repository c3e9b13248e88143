package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"director/control"
	"director/control/api"
	"director/control/config"
	"director/host"
	"director/host/plan"
	"director/neigh/rtnl"
	"director/view/figures"
)

// reloadTime bounds how long a reload waits for the kernel's neighbours.
const reloadTime = 10 * time.Second

// reloads counts them.
type reloads struct {
	mu sync.Mutex
	figures.Reload
}

// add counts a reload that ended with err.
func (r *reloads) add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Failing = err != nil; r.Failing {
		r.Refused++
		return
	}
	r.Applied++
	r.AppliedAt = time.Now()
}

func (r *reloads) figures() figures.Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Reload
}

// Reload reads the configuration again and applies all differences as one change, or
// none of them. Connections continue. The changes that were made at run time stay, unless
// drop is set or --reload-runtime=drop. by says who asks.
func (d *Daemon) Reload(ctx context.Context, by control.Origin, drop bool) error {
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
	err := d.reload(ctx, by, drop)
	d.reloads.add(err)
	if err != nil {
		d.log.Error().Err(err).Msg("not reloaded, nothing has changed")
		err = api.Errorf(http.StatusUnprocessableEntity, "not-reloaded", "not reloaded, nothing has changed: %v", err)
	} else {
		d.logReloaded()
	}
	if err := d.manager.Ready(); err != nil {
		d.log.Warn().Err(err).Msg("cannot notify the service manager")
	}
	return err
}

// logReloaded logs a reload, and what still differs from the configuration afterwards.
func (d *Daemon) logReloaded() {
	differing := d.control.Differing()
	d.log.Info().Int("services", len(d.control.Specs())).Int("differing", differing).Msg("reloaded")
	if differing > 0 {
		d.log.Info().Msg("run-time changes are kept: \"director diff\" shows them, \"director reload --drop-runtime\" drops them")
	}
}

func (d *Daemon) reload(ctx context.Context, by control.Origin, drop bool) error {
	if d.load == nil {
		return errNotAgain
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
	drop = drop || d.loaded.ReloadRuntime == config.RuntimeDrop
	if err := d.control.By(by).Load(settings(next), drop); err != nil {
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
