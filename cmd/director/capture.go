package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"director/api"
	"director/capture"
)

// captureVerb writes what the running director receives, sends and drops.
func captureVerb(args []string, std stdio) int {
	options := capture.DefaultOptions()
	fs := pflag.NewFlagSet("director capture", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.Usage = func() {}
	name := fs.String("out", "", "where the frames go, as pcapng; - is standard output (required)")
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	options.Flags(fs)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, pflag.ErrHelp):
		fmt.Fprintf(std.out, "Usage: director capture --out FILE [flags]\n\n%s", fs.FlagUsages())
		return exitOK
	case err == nil && fs.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: flags begin with --", fs.Arg(0))
	case err == nil && *name == "":
		err = errors.New("--out: required: name the file to write, or - for standard output")
	}
	if err == nil {
		err = options.Check()
	}
	if err != nil {
		fmt.Fprintln(std.err, err)
		return exitUsage
	}
	if err := captureTo(*name, *socket, options, std); err != nil {
		fmt.Fprintln(std.err, err)
		if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == "bad-request" {
			return exitUsage
		}
		return exitFailed
	}
	return exitOK
}

// captureTo captures until a bound is reached or an interrupt, and says how much.
func captureTo(name, socket string, o capture.Options, std stdio) (err error) {
	out := std.out
	if name != "-" {
		f, failed := os.Create(name)
		if failed != nil {
			return fmt.Errorf("--out: %w", failed)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	client := api.Open(socket)
	defer client.Close()
	sum, err := capture.Fetch(ctx, client, o, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.err, "%d frames written, %d passed over, %d lost\n", sum.Written, sum.Skipped, sum.Lost)
	return nil
}
