package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"director/control/config"
	"director/inspect/doctor"
)

// doctorVerb says what the host offers and what run would use of it. It exits
// with exitFailed if run would not start.
func doctorVerb(args []string, std stdio) int {
	c, d, err := config.ParseDoctor(args, std.in)
	if errors.Is(err, config.ErrHelp) {
		fmt.Fprintf(std.out, "Usage: director doctor [flags]\n\n%s", config.DoctorUsage())
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(std.err, err)
		return exitUsage
	}
	facts, err := doctor.Gather(c, "/")
	if err != nil {
		fmt.Fprintln(std.err, err)
		return exitFailed
	}
	report := doctor.Examine(facts)
	if d.JSON {
		e := json.NewEncoder(std.out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		_, err = fmt.Fprint(std.out, report.Text())
	}
	if err != nil {
		fmt.Fprintf(std.err, "write the report: %v\n", err)
		return exitFailed
	}
	if !report.Run.Starts {
		return exitFailed
	}
	return exitOK
}
