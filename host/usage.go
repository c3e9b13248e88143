package host

import (
	"errors"
	"fmt"
)

// ErrUsage is matched by errors that the operator corrects in the command line or the
// flags file, such as an unknown interface, CPU or queue: exit code 2. Other errors of
// this package mean that the director cannot start on this host: exit code 1.
var ErrUsage = errors.New("wrong command line or configuration")

type usageError struct{ error }

func (e usageError) Is(target error) bool { return target == ErrUsage }
func (e usageError) Unwrap() error        { return e.error }

// Usagef returns an error with a formatted text that matches ErrUsage.
func Usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}
