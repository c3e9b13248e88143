package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"

	"director/control"
	"director/control/api"
	"director/internal/cli"
	"director/view/figures"
	"director/view/top"
)

// topFlags has the flags of top.
type topFlags struct {
	control     string
	interval    time.Duration
	plain, once bool
}

// shortestInterval is the least time between two requests. It limits the load that top
// puts on the director.
const shortestInterval = 100 * time.Millisecond

func (f *topFlags) set() *pflag.FlagSet {
	fs := cli.NewFlags()
	fs.StringVar(&f.control, "control", controlSocket(), "the unix socket of the director's control API")
	fs.DurationVar(&f.interval, "interval", 2*time.Second, "time between two requests to the director")
	fs.BoolVar(&f.plain, "plain", false, "print a block of lines at each interval, as without a terminal")
	fs.BoolVar(&f.once, "once", false, "print one block, with the rates over one interval, and exit")
	return fs
}

func (f *topFlags) check() error {
	if f.interval < shortestInterval {
		return fmt.Errorf("--interval: %v: must be %v or more", f.interval, shortestInterval)
	}
	return nil
}

// socketSource returns a source that gets its figures from a control socket.
func socketSource(socket string) top.Source {
	client := api.Open(socket)
	return top.Ask(func(ctx context.Context) (f figures.Figures, err error) {
		err = client.Get(ctx, "/v1/statistics", &f)
		return f, err
	}, func(ctx context.Context) ([]control.Service, error) {
		return api.Remote{Client: client, Context: ctx}.Services()
	})
}

// topVerb shows the running director. open returns the source of its figures.
func topVerb(open func(socket string) top.Source) cli.Verb {
	var flags topFlags
	return cli.Verb{
		Use: "top [flags]", Summary: "watch the running director in a terminal: rates, loads, drops and losses",
		Flags: cli.Flags(flags.set()), Check: flags.check,
		Run: func(std cli.IO) int { return flags.watch(std, open) },
	}
}

// watch shows the director behind a socket until a signal arrives.
func (f *topFlags) watch(std cli.IO, open func(socket string) top.Source) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	defer stop()
	if err := f.show(ctx, std, top.Options{Source: open(f.control), Interval: f.interval}); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}

// show draws a screen on a terminal, and prints lines elsewhere.
func (f *topFlags) show(ctx context.Context, std cli.IO, o top.Options) error {
	switch {
	case f.once:
		return top.PrintOnce(ctx, std.Out, o)
	case f.plain || !onTerminal(std):
		return top.Print(ctx, std.Out, o)
	}
	return top.Show(ctx, o)
}

// onTerminal reports whether standard input and output are a terminal that can move
// the cursor.
func onTerminal(std cli.IO) bool {
	for _, f := range []any{std.In, std.Out} {
		file, ok := f.(*os.File)
		if !ok {
			return false
		}
		if _, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS); err != nil {
			return false
		}
	}
	kind := os.Getenv("TERM")
	return kind != "" && kind != "dumb"
}
