package main

// hostVerbs are the verbs that need Linux.
func hostVerbs() []verb {
	return []verb{
		{"run", "forward traffic in the foreground until SIGTERM", runVerb},
		{"doctor", "say what this host offers, what run would use, and what to mend", doctorVerb},
		{"top", "watch the running director in a terminal: rates, loads, drops and losses", topVerb},
		{"demo", "show it working: real HTTP through every method, in network namespaces", demo},
	}
}
