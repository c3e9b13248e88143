package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"

	"director/control/api"
	"director/inspect/capture"
	"director/internal/cli"
)

// captureVerb writes what the running director receives, sends and drops.
func captureVerb() cli.Verb {
	options := capture.DefaultOptions()
	fs := cli.NewFlags()
	name := fs.String("out", "", "the pcapng file to write the frames to; - is standard output (required)")
	socket := fs.String("control", controlSocket(), "the unix socket of the director's control API")
	options.Flags(fs)
	return cli.Verb{
		Use: "capture --out FILE [flags]", Summary: "write what the running director receives, sends and drops, as pcapng",
		Flags: cli.Flags(fs),
		Check: func() error {
			if *name == "" {
				return errors.New("--out: required: the file to write, or - for standard output")
			}
			return options.Check()
		},
		Run: func(std cli.IO) int {
			if err := captureTo(*name, *socket, options, std); err != nil {
				fmt.Fprintln(std.Err, err)
				if refused, ok := errors.AsType[*api.Error](err); ok && refused.Code == "bad-request" {
					return cli.Usage
				}
				return cli.Failed
			}
			return cli.OK
		},
	}
}

// captureTo captures until a limit is reached or a signal arrives, and says how much it
// wrote.
func captureTo(name, socket string, o capture.Options, std cli.IO) (err error) {
	out := std.Out
	if name != "-" {
		f, failed := openOutput(name)
		if failed != nil {
			return fmt.Errorf("--out: %w", failed)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the program, even if nobody reads what it writes
	client := api.Open(socket)
	defer client.Close()
	sum, err := capture.Fetch(ctx, client, o, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%d frames written, %d skipped, %d lost\n", sum.Written, sum.Skipped, sum.Lost)
	return nil
}
