package config

import (
	"io"

	"director/control/rules"
)

// ParseWith is Parse with a resolver of the test's own.
func ParseWith(args []string, stdin io.Reader, r rules.Resolver) (*Config, error) {
	return parse(args, stdin, r, nil)
}

// ParseWith is Parse with a resolver of the test's own.
func (s *Source) ParseWith(stdin io.Reader, r rules.Resolver) (*Config, error) {
	return s.parse(stdin, r)
}
