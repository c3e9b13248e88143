package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"director/bench/server"
	"director/internal/cli"
)

// serveFlags has the flags of bench serve.
type serveFlags struct {
	listen  []string
	options server.Options
}

func (f *serveFlags) set() *pflag.FlagSet {
	fs := cli.NewFlags()
	fs.StringSliceVar(&f.listen, "listen", nil, "the addresses and ports to listen at, such as 0.0.0.0:80 (required)")
	fs.StringVar(&f.options.Name, "name", "server", "the name of the server, which it sends in the header "+server.NameHeader)
	fs.IntVar(&f.options.Cap, "cap", 0, "connections to accept per second (4000 in the paper), the others wait; 0 is no limit")
	fs.IntVar(&f.options.Threads, "threads", 1, "event loops, each with its own sockets")
	fs.BoolVar(&f.options.TLS, "tls", false, "use TLS 1.3, without event loops; the certificate is created at the start")
	return fs
}

func (f *serveFlags) check() error {
	for _, text := range f.listen {
		at, err := netip.ParseAddrPort(text)
		if err != nil {
			return fmt.Errorf("--listen: %w", err)
		}
		f.options.Listen = append(f.options.Listen, at)
	}
	switch {
	case len(f.listen) == 0:
		return errors.New("--listen: required: an address and a port")
	case f.options.Cap < 0 || f.options.Threads < 1:
		return errors.New("--cap must be 0 or more, --threads 1 or more")
	case f.options.TLS && f.options.Threads > 1:
		return errors.New("--threads: must be 1 with --tls, which has no event loops")
	}
	return nil
}

func serveVerb() cli.Verb {
	var flags serveFlags
	return cli.Verb{
		Use: "serve --listen ADDRESS:PORT [flags]", Flags: cli.Flags(flags.set()),
		Check: flags.check, Run: flags.serve,
	}
}

// serve runs a web server until a signal stops it. It prints READY when it can
// answer, and its counters at the end.
func (f *serveFlags) serve(std cli.IO) int {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(stop)
	s, err := server.Start(f.options)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	fmt.Fprintln(std.Out, "READY")
	<-stop
	counts := s.Counts()
	if err := s.Close(); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	if err := json.NewEncoder(std.Out).Encode(counts); err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}
