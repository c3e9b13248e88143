package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"director/control/config"
	"director/daemon"
	"director/host"
	"director/internal/cli"
)

func runVerb() cli.Verb {
	return cli.Verb{
		Use: "run [flags]", Summary: "forward traffic in the foreground until SIGTERM",
		Flags: commonFlags(""), RunArgs: runDirector,
	}
}

// runDirector forwards traffic until a signal stops it.
func runDirector(args []string, std cli.IO) int {
	c, code := configure(args, std)
	if c == nil {
		return code
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	load := func() (*config.Config, error) { return config.Parse(args, nil) }
	err := daemon.Run(ctx, c, load, newLogger(c, std.Err))
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage):
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	fmt.Fprintln(std.Err, err)
	return cli.Failed
}

// newLogger returns a logger that writes to w. The flags set its format and its level.
func newLogger(c *config.Config, w io.Writer) zerolog.Logger {
	if c.LogFormat == config.LogConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !cli.IsTerminal(w)}
	}
	zerolog.SetGlobalLevel(c.LogLevel) // a reload may change it
	return zerolog.New(w).With().Timestamp().Logger()
}
