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

	"director/control/config"
	"director/daemon"
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
	load := func() (*config.Config, error) { return config.Parse(args, nil) }
	err := daemon.Run(ctx, c, load, newLogger(c, std.err))
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

// newLogger writes to w what the flags ask for.
func newLogger(c *config.Config, w io.Writer) zerolog.Logger {
	if c.LogFormat == config.LogConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	zerolog.SetGlobalLevel(c.LogLevel) // a reload may change it
	return zerolog.New(w).With().Timestamp().Logger()
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
