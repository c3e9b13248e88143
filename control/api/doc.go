// Package api is the control API: HTTP and JSON over a unix socket. The types here
// are what goes over it; HTTPServer answers for a director, Client asks one. See
// docs/api.md, whose examples a test runs.
package api
