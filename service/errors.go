package service

import (
	"errors"
	"fmt"
	"net/netip"
)

//lint:file-ignore ST1005 the texts are ipvsadm's

// What may be wrong with a change of the services. The texts are ipvsadm's: it
// prints them as they are.
var (
	ErrServiceExists      = errors.New("Service already exists")
	ErrNoService          = errors.New("No such service")
	ErrNoServiceForServer = errors.New("Service not defined")
	ErrServerExists       = errors.New("Destination already exists")
	ErrNoServer           = errors.New("No such destination")
	ErrRange              = errors.New("Numerical result out of range")
	ErrInvalid            = errors.New("Invalid operation.  Possibly wrong module version, address not unicast, ...")
)

// refusal says more than one of the errors above, which it is.
type refusal struct {
	is   error
	text string
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.is }

func refuse(is error, format string, args ...any) error {
	return &refusal{is, fmt.Sprintf(format, args...)}
}

// ServerError says which of the servers of a specification is refused.
type ServerError struct {
	Server ServerSpec
	Err    error
}

func (e *ServerError) Error() string {
	return fmt.Sprintf("server %s: %v", netip.AddrPortFrom(e.Server.Addr.Netip(), e.Server.Port), e.Err)
}
func (e *ServerError) Unwrap() error { return e.Err }
