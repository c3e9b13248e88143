package service

import (
	"errors"
	"fmt"
	"net/netip"
)

//lint:file-ignore ST1005 the texts are ipvsadm's

// The errors of a change of the services. The texts are those of ipvsadm, which
// prints them unchanged.
var (
	ErrServiceExists      = errors.New("Service already exists")
	ErrNoService          = errors.New("No such service")
	ErrNoServiceForServer = errors.New("Service not defined")
	ErrServerExists       = errors.New("Destination already exists")
	ErrNoServer           = errors.New("No such destination")
	ErrRange              = errors.New("Numerical result out of range")
	ErrInvalid            = errors.New("Invalid operation.  Possibly wrong module version, address not unicast, ...")
)

// refusal wraps one of the errors above with a more precise text.
type refusal struct {
	is   error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.is }

func refuse(is error, format string, args ...any) error {
	return &refusal{is, fmt.Sprintf(format, args...)}
}

// ServerError reports which server of a specification is refused, and why.
type ServerError struct {
	Server ServerSpec
	Err    error
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("server %s: %v", netip.AddrPortFrom(e.Server.Addr.Netip(), e.Server.Port), e.Err)
}
func (e *ServerError) Unwrap() error { return e.Err }
