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
	"director/internal/cli"
)

// captureVerb writes what the running director receives, sends and drops.
func captureVerb(args []string, std cli.IO) int {
	options := capture.DefaultOptions()
	fs := cli.NewFlags("director capture")
	name := fs.String("out", "", "where the frames go, as pcapng; - is standard output (required)")
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	options.Flags(fs)
	check := func() error {
		if *name == "" {
			return errors.New("--out: required: name the file to write, or - for standard output")
		}
		return options.Check()
	}
	if code, over := cli.Parse(fs, "director capture --out FILE [flags]", args, std, check); over {
		return code
	}
	if err := captureTo(*name, *socket, options, std); err != nil {
		fmt.Fprintln(std.Err, err)
		if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == "bad-request" {
			return cli.Usage
		}
		return cli.Failed
	}
	return cli.OK
}

// captureTo captures until a bound is reached or an interrupt, and says how much.
func captureTo(name, socket string, o capture.Options, std cli.IO) (err error) {
	out := std.Out
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
	fmt.Fprintf(std.Err, "%d frames written, %d passed over, %d lost\n", sum.Written, sum.Skipped, sum.Lost)
	return nil
}
