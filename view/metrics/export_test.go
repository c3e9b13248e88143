package metrics

// Defined is how many metrics there are.
func Defined() int { return len(native) + len(ipvs) }
