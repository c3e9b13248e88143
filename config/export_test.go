package config

// ParseWith is Parse with a resolver of the test's own.
var ParseWith = parse
