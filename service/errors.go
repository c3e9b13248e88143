package service

import "errors"

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
