package api

import (
	"errors"
	"fmt"
	"net/http"

	"director/control"
	"director/service"
)

// Error is the body of an answer that is not 2xx.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`             // a stable word: see docs/api.md
	Message string `json:"error"`            // what is wrong and what to do
	Change  *int   `json:"change,omitempty"` // the index of the refused change or service in the request's list, from 0
}

func (e *Error) Error() string { return e.Message }

// Is reports whether the code of the answer stands for target, an error of package
// service.
func (e *Error) Is(target error) bool {
	for _, k := range known {
		if k.err == target {
			return k.code == e.Code
		}
	}
	return false
}

// known lists the errors that have a code of their own.
var known = []struct {
	err    error
	code   string
	status int
}{
	{service.ErrServiceExists, "service-exists", http.StatusConflict},
	{service.ErrNoService, "no-service", http.StatusNotFound},
	{service.ErrNoServiceForServer, "service-not-defined", http.StatusNotFound},
	{service.ErrServerExists, "server-exists", http.StatusConflict},
	{service.ErrNoServer, "no-server", http.StatusNotFound},
	{service.ErrRange, "out-of-range", http.StatusUnprocessableEntity},
	{service.ErrInvalid, "invalid", http.StatusUnprocessableEntity},
}

// errorOf converts an error into an answer. An error without its own code is a mistake in
// the request.
func errorOf(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Status: http.StatusBadRequest, Code: "bad-request", Message: err.Error()}
	for _, k := range known {
		if errors.Is(err, k.err) {
			e.Status, e.Code = k.status, k.code
		}
	}
	return e
}

// refusedAt converts the error of one element of a list into an answer. list is the name
// of the list in the request.
func refusedAt(list string, at int, err error) *Error {
	e := *errorOf(err)
	e.Change, e.Message = &at, fmt.Sprintf("%s[%d]: %s; nothing is changed", list, at, e.Message)
	return &e
}

// opError converts an error of control.Control.Apply or Replace into an answer. at returns
// the index of the refused change in the request's list.
func opError(list string, at func(*control.OpError) int, err error) error {
	refused, ok := errors.AsType[*control.OpError](err)
	if !ok {
		return err
	}
	named := *errorOf(refused.Err)
	named.Message = SubjectOf(&refused.Op) + ": " + named.Message
	return refusedAt(list, at(refused), &named)
}

// SubjectOf names the service or server that a change is about.
func SubjectOf(o *control.Op) string {
	if isOfServer(o.Kind) {
		return fmt.Sprintf("server %s of %s", serverName(&o.Server), o.Service.Name())
	}
	return o.Service.Name()
}

func isOfServer(k control.OpKind) bool {
	return k == control.AddServer || k == control.EditServer || k == control.DeleteServer
}

// Errorf returns an error with an HTTP status and a code.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}
