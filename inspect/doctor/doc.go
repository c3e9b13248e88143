// Package doctor checks whether a host is fit for the director, and reports what
// "director run" would do on it.
//
// Gather reads the Facts from the host and changes nothing. Examine judges them. Each
// area has a file of checks. The checks depend on the Facts alone, so tests can describe
// any host. If a privilege or a tool is missing for a check, the report says that it was
// not checked.
package doctor
