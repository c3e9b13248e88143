package main

import (
	"errors"
	"fmt"
	"strings"

	"director/bench/lab"
	"director/bench/record"
	"director/host"
	"director/internal/cli"
)

func labOptionsAreWrong(err error) bool { return errors.Is(err, lab.ErrOptions) }

// recordLab runs bench lab, if this host supports it.
func recordLab(args []string, std cli.IO) (part record.Part, err error) {
	var flags labFlags
	fs := flags.set()
	if err := fs.Parse(args); err != nil {
		return part, host.Usagef("%w", err)
	}
	if err := flags.complete(fs); err != nil {
		return part, err
	}
	if err := cli.CanBuildLab("bench lab"); err != nil {
		return record.Part{Missing: err.Error()}, nil
	}
	flags.options.Progress = func(text string) { fmt.Fprintln(std.Err, "bench lab:", text) }
	return measured(func(part *record.Part, tables *strings.Builder) error {
		r, err := flags.measure()
		if err != nil {
			return err
		}
		part.Figures = r.Figures
		for _, t := range r.Throughput {
			if t.Workers == 1 && (t.Contender == "forward" || t.Contender == "xsk") {
				part.Steady = append(part.Steady, record.Row{Name: t.Name, Spread: t.PPS})
			}
		}
		return r.Write(tables)
	})
}
