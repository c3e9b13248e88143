package main

// hostVerbs are the verbs that need Linux.
func hostVerbs() []verb {
	return []verb{
		{"run", "forward traffic in the foreground until SIGTERM", runVerb},
		{"demo", "show it working: real HTTP through every method, in network namespaces", demo},
	}
}
