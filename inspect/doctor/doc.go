// Package doctor says whether a host is fit for the director, and what "director
// run" would do on it.
//
// Gather asks the host for Facts; it changes nothing. Examine judges them: each
// area has a file of checks, which are functions of the Facts alone, and so can
// be tested with hosts that nobody has. What could not be asked, for want of a
// privilege or a tool, is reported as not checked rather than as good.
package doctor
