package config

import (
	"io"

	"director/control/ipvsadm"
)

// ParseWith is Parse with a resolver of the test's own.
func ParseWith(args []string, stdin io.Reader, r ipvsadm.Resolver) (*Config, error) {
	return parse(args, stdin, r, nil)
}
