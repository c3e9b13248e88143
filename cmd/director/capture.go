package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"director/control/api"
	"director/inspect/capture"
)

// captureVerb writes what the running director receives, sends and drops.
func captureVerb(args []string, std stdio) int {
	options := capture.DefaultOptions()
	fs := newFlags("capture")
	name := fs.String("out", "", "where the frames go, as pcapng; - is standard output (required)")
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	options.Flags(fs)
	check := func() error {
		if *name == "" {
			return errors.New("--out: required: name the file to write, or - for standard output")
		}
		return options.Check()
	}
	if code, over := parse(fs, "director capture --out FILE [flags]", args, std, check); over {
		return code
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
