package daemon

import (
	"io"

	"director/control/api"
	"director/inspect/capture"
	"director/inspect/why"
)

// listen opens the control socket and starts to answer requests.
func (d *Daemon) listen() error {
	if d.config.Control == "" {
		return nil
	}
	l, err := api.Listen(d.config.Control)
	if err != nil {
		return err
	}
	d.server = api.NewHTTPServer(api.Director{
		Control: d.control, Figures: d.Figures, Reload: d.Reload, Diff: d.diff, Configuration: d.writeConfiguration,
	}, d.log)
	d.server.Handle("POST "+why.Path, why.Handler(&why.Director{Control: d.control, Shared: d.shared}))
	captures := capture.NewHandler(func(o capture.Options) (*capture.Session, error) {
		return capture.Start(d.shared, len(d.workers), d.config.Interfaces, o)
	})
	d.server.Handle("POST "+capture.Path, captures)
	d.server.Handle("DELETE "+capture.Path, captures)
	d.background.Go(func() { d.fail(d.server.Serve(l)) })
	d.defers("close the control socket", d.server.Close)
	return nil
}

// writeConfiguration writes what runs as a flags file: the flags of the start, with the
// changes made since.
func (d *Daemon) writeConfiguration(w io.Writer) error {
	d.loading.Lock()
	c := *d.loaded
	d.loading.Unlock()
	now := d.control.Settings()
	c.Services, c.Timeouts, c.Sysctl = now.Services, now.Timeouts, now.Sysctl
	return c.Write(w)
}
