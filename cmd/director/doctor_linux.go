package main

import (
	"encoding/json"
	"fmt"

	"director/control/config"
	"director/inspect/doctor"
	"director/internal/cli"
)

func doctorVerb() cli.Verb {
	return cli.Verb{
		Use: "doctor [flags]", Summary: "report what this host offers, what run would use, and what to fix",
		Flags:   append(cli.Flags(config.DoctorFlags()), commonFlags("As for run, but --interface is optional")...),
		RunArgs: examineHost,
	}
}

// examineHost reports what the host offers and what run would use. It returns cli.Failed
// if run would not start.
func examineHost(args []string, std cli.IO) int {
	c, d, err := config.ParseDoctor(args, std.In)
	if err != nil {
		return refuseConfig(err, std)
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
