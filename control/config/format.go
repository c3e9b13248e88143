package config

import "errors"

// formattedError is an error of a configuration that says, as far as it was read, in which
// format messages are wanted.
type formattedError struct {
	error
	format LogFormat
}

func (e formattedError) Unwrap() error { return e.error }

// withFormat adds the log format to an error. It is the one of the command line or, without
// that, the one that the flags files had set when the error was found.
func withFormat(err error, c *Config, commandLine []setting) error {
	if err == nil || errors.Is(err, ErrHelp) {
		return err
	}
	format := c.LogFormat
	for _, s := range commandLine {
		if s.flag.Name == "log-format" && LogFormat(s.value) == LogJSON {
			format = LogJSON
		} else if s.flag.Name == "log-format" {
			format = LogConsole
		}
	}
	return formattedError{err, format}
}

// FormatOf returns the log format that a wrong configuration asks for, as far as it was
// read before the error was found.
func FormatOf(err error) LogFormat {
	if e, ok := errors.AsType[formattedError](err); ok {
		return e.format
	}
	return LogConsole
}
