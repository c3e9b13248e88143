// Package api is the control API: HTTP and JSON over a unix socket. It contains the types
// of the requests and answers, the HTTPServer of a director, and a Client. See
// docs/api.md; a test runs its examples.
package api
