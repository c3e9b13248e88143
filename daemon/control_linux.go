package daemon

import (
	"io"

	"director/control/api"
	"director/inspect/capture"
	"director/inspect/why"
)

// openControl opens the control socket. It comes before the director holds any address: if
// the path is wrong, the director must not take addresses from another host for a moment.
// Clients wait until listen answers them.
func (d *Daemon) openControl() (err error) {
	if d.config.Control == "" {
		return nil
	}
	if d.socket, err = api.Listen(d.config.Control); err != nil {
		return err
	}
	d.defers("remove the control socket", func() error {
		if d.server != nil { // it has closed the socket
			return nil
		}
		return d.socket.Close()
	})
	return nil
}

// listen starts to answer requests on the control socket.
func (d *Daemon) listen() {
	l := d.socket
	if l == nil {
		return
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
