package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"director/config"
	"director/host"
)

// runVerb forwards traffic in the foreground until it is told to stop.
func runVerb(args []string, std stdio) int {
	c, code := configure("run", args, std)
	if c == nil {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	err := forward(ctx, c, newLogger(c, std.err))
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, host.ErrUsage):
		fmt.Fprintln(std.err, err)
		return exitUsage
	}
	fmt.Fprintln(std.err, err)
	return exitFailed
}

// forward starts a director, waits until ctx ends or something breaks, and
// leaves the host as it was.
func forward(ctx context.Context, c *config.Config, log zerolog.Logger) error {
	if err := host.Kernel(); err != nil {
		return err
	}
	if err := checkInterfaces(c); err != nil {
		return err
	}
	d := &director{config: c, log: log}
	err := d.start(ctx)
	if err == nil {
		err = d.wait(ctx)
	}
	return errors.Join(err, d.stop())
}

// checkInterfaces refuses flags that name an interface which is not there,
// before anything is touched. Those of --interface are looked for by their claim.
func checkInterfaces(c *config.Config) error {
	for _, n := range c.Neighbors {
		if _, err := host.Interface(n.Interface); err != nil {
			return fmt.Errorf("--neighbor %s: %w", n.IP, err)
		}
	}
	for _, v := range c.VIPInterfaces {
		if _, err := host.Interface(v.Interface); err != nil {
			return fmt.Errorf("--vip-interface %s: %w", v.VIP, err)
		}
	}
	return nil
}

// newLogger writes to w what the flags ask for.
func newLogger(c *config.Config, w io.Writer) zerolog.Logger {
	if c.LogFormat == config.LogConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(c.LogLevel).With().Timestamp().Logger()
}

// isTerminal reports whether somebody may be looking at what is written to w.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
