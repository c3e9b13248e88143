// Package doctor says whether a host is fit for the director, and what "director run"
// would do on it.
//
// Gather asks the host for Facts and changes nothing. Examine judges them. Each area has
// a file of checks. The checks depend on the Facts alone, so tests can describe any
// host. What cannot be asked, because a privilege or a tool is missing, is reported as
// not checked.
package doctor
