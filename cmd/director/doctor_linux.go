package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"director/control/config"
	"director/inspect/doctor"
	"director/internal/cli"
)

// doctorVerb says what the host offers and what run would use of it. It exits
// with cli.Failed if run would not start.
func doctorVerb(args []string, std cli.IO) int {
	c, d, err := config.ParseDoctor(args, std.In)
	if errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(std.Out, "Usage: director doctor [flags]\n\n%s", config.DoctorUsage())
		return cli.OK
	}
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Usage
	}
	facts, err := doctor.Gather(c, "/")
	if err != nil {
		fmt.Fprintln(std.Err, err)
		return cli.Failed
	}
	report := doctor.Examine(facts)
	if d.JSON {
		e := json.NewEncoder(std.Out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		_, err = fmt.Fprint(std.Out, report.Text())
	}
	if err != nil {
		fmt.Fprintf(std.Err, "write the report: %v\n", err)
		return cli.Failed
	}
	if !report.Run.Starts {
		return cli.Failed
	}
	return cli.OK
}
