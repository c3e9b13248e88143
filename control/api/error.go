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
	Change  *int   `json:"change,omitempty"` // of several changes or services the one refused, counting from 0
}

func (e *Error) Error() string { return e.Message }

// Is lets errors.Is find the error of package service that the director had.
func (e *Error) Is(target error) bool {
	for _, k := range known {
		if k.err == target {
			return k.code == e.Code
		}
	}
	return false
}

// known are the errors that have a word of their own.
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

// errorOf makes an answer of an error. One that no word fits is the client's, who
// asked for something wrong.
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

// refusedAt makes an answer of the error of one of several things, which list names.
func refusedAt(list string, at int, err error) *Error {
	e := *errorOf(err)
	e.Change, e.Message = &at, fmt.Sprintf("%s[%d]: %s; nothing is changed", list, at, e.Message)
	return &e
}

// opError makes an answer of what control.Control said to changes. at is where in
// the request, whose list has that name, the reason of a change stands.
func opError(list string, at func(*control.OpError) int, err error) error {
	refused, ok := errors.AsType[*control.OpError](err)
	if !ok {
		return err
	}
	e := errorOf(refused.Err)
	of := NameOf(refused.Op.Service.Key)
	if k := refused.Op.Kind; k == control.AddServer || k == control.EditServer || k == control.DeleteServer {
		of = fmt.Sprintf("server %s of %s", serverName(&refused.Op.Server), of)
	}
	named := *e
	named.Message = of + ": " + e.Message
	return refusedAt(list, at(refused), &named)
}

// Errorf makes an error with a status of HTTP and a word for it.
func Errorf(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}
