package main

import "director/internal/cli"

// hostVerbs returns the verbs that need Linux.
func hostVerbs() []cli.Verb {
	return []cli.Verb{
		runVerb(), doctorVerb(), topVerb(socketSource),
		{Use: "demo", Summary: "show the director at work: HTTP through every forwarding method, in network namespaces", Run: demo},
	}
}
