package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"director/bench/testlvs"
	"director/internal/cli"
)

// testlvsFlags has the flags of bench testlvs.
type testlvsFlags struct {
	target, sources string
	plan            testlvs.Plan
	json            bool
}

func (f *testlvsFlags) set() *pflag.FlagSet {
	p := &f.plan
	fs := cli.NewFlags()
	fs.StringVar(&f.target, "target", "", "the address and port to send to; use only a network that is your own (required)")
	fs.Float64Var(&p.Rate, "rate", 1000, "SYNs per second")
	fs.DurationVar(&p.Duration, "duration", 5*time.Second, "how long to send")
	fs.StringVar(&f.sources, "sources", testlvs.Sources.String(), "the prefix of the source addresses")
	fs.Uint64Var(&p.Connections, "connections", 0, "how many senders to use in turn, each with its own address and port; 0 is as many as the prefix has")
	fs.BoolVar(&f.json, "json", false, "print JSON")
	return fs
}

func (f *testlvsFlags) check() (err error) {
	if f.target == "" {
		return errors.New("--target: required: an address and a port")
	}
	if f.plan.Target, err = netip.ParseAddrPort(f.target); err != nil {
		return fmt.Errorf("--target: %w", err)
	}
	if f.plan.Sources, err = netip.ParsePrefix(f.sources); err != nil {
		return fmt.Errorf("--sources: %w", err)
	}
	return f.plan.Validate()
}

func testlvsVerb() cli.Verb {
	var flags testlvsFlags
	return cli.Verb{
		Use: "testlvs --target ADDRESS:PORT [flags]", Flags: cli.Flags(flags.set()),
		Check: flags.check, Run: flags.send,
	}
}

// send sends SYNs from addresses that no host has.
func (f *testlvsFlags) send(std cli.IO) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	r, err := testlvs.Send(ctx, f.plan)
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	if f.json {
		err = json.NewEncoder(std.Out).Encode(r)
	} else {
		_, err = fmt.Fprintf(std.Out, "%d of %d SYNs sent in %.2f s, %.0f per second; the largest delay was %v\n",
			r.Sent, r.Due, r.Seconds, r.Rate, r.Late.Round(time.Microsecond))
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	return cli.OK
}
