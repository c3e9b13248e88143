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
	"director/host/privilege"
	"director/internal/cli"
)

func runVerb() cli.Verb {
	return cli.Verb{
		Use: "run [flags]", Summary: "forward traffic in the foreground until SIGTERM",
		About: runAbout, Flags: commonFlags(""), RunArgs: runDirector,
	}
}

const runAbout = "SIGTERM ends the director: the VIPs are free at once, and with --state the connections\n" +
	"are saved. SIGUSR2 ends it for a successor on the same host, which goes on with the saved\n" +
	"connections: the VIPs stay, and for 60 seconds the host does not see balanced packets. SIGHUP\n" +
	"reloads the flags files. The director ends within five seconds of a signal, and within one if\n" +
	"SIGTERM comes twice. What a slow disk has not written by then is lost, and the log says so."

// runDirector forwards traffic until a signal stops it.
func runDirector(args []string, std cli.IO) int {
	saveMemory()
	source := config.NewSource(args)
	c, err := source.Parse(std.In)
	switch {
	case errors.Is(err, config.ErrHelp):
		return cli.AskHelp
	case err != nil:
		return fail(err, config.FormatOf(err), cli.Usage, std)
	}
	ctx, hurry, stop := untilStopped()
	defer stop()
	load := func() (*config.Config, error) { return source.Parse(nil) }
	log := newLogger(c, std.Err)
	if err := privilege.Later(source.Readable); err != nil {
		log.Warn().Err(err).Msg("no reload will work: the director drops the privilege by which it can read this flags file now; change the owner to the director's user, or the mode")
	}
	err = daemon.Run(ctx, hurry, c, load, log)
	switch {
	case err == nil:
		return cli.OK
	case errors.Is(err, host.ErrUsage):
		return fail(err, c.LogFormat, cli.Usage, std)
	}
	return fail(err, c.LogFormat, cli.Failed, std)
}

// fail reports the error that ends the run and returns the exit code. A program that reads
// JSON lines gets it as one of them.
func fail(err error, format config.LogFormat, code int, std cli.IO) int {
	if format == config.LogJSON {
		log := zerolog.New(std.Err).With().Timestamp().Logger()
		log.WithLevel(zerolog.FatalLevel).Int("exit-code", code).Msg(err.Error())
	} else {
		fmt.Fprintln(std.Err, err)
	}
	return code
}

// untilStopped returns a context that ends with the first signal that stops the director.
// That one decides whether a successor comes. hurry is closed when the director is told a
// second time to end without one.
func untilStopped() (ctx context.Context, hurry <-chan struct{}, stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGUSR2)
	ctx, hurry, end := untilSignal(signals)
	return ctx, hurry, func() {
		signal.Stop(signals)
		end()
	}
}

// untilSignal is untilStopped for signals that come from a channel.
func untilSignal(signals <-chan os.Signal) (ctx context.Context, hurry <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	twice, over := make(chan struct{}), make(chan struct{})
	go func() {
		for ends := 0; ends < 2; {
			select {
			case s := <-signals:
				if s == syscall.SIGUSR2 {
					cancel(daemon.ErrSuccessor)
				} else {
					cancel(nil)
					ends++
				}
			case <-over:
				return
			}
		}
		close(twice)
	}()
	return ctx, twice, func() {
		cancel(nil)
		close(over)
	}
}

// newLogger returns a logger that writes to w. The flags set its format and its level.
func newLogger(c *config.Config, w io.Writer) zerolog.Logger {
	if c.LogFormat == config.LogConsole {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.RFC3339, NoColor: !cli.IsTerminal(w)}
	}
	zerolog.SetGlobalLevel(c.LogLevel) // a reload may change it
	return zerolog.New(w).With().Timestamp().Logger()
}
