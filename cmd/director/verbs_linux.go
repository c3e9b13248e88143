package main

import "director/internal/cli"

// hostVerbs returns the verbs that need Linux.
func hostVerbs() []cli.Verb {
	return []cli.Verb{
		{Name: "run", Summary: "forward traffic in the foreground until SIGTERM", Run: runVerb},
		{Name: "doctor", Summary: "say what this host offers, what run would use, and what to mend", Run: doctorVerb},
		{Name: "top", Summary: "watch the running director in a terminal: rates, loads, drops and losses", Run: topVerb},
		{Name: "demo", Summary: "show it working: real HTTP through every method, in network namespaces", Run: demo},
	}
}
