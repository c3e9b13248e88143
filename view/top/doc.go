// Package top is a live view of a running director for a terminal: its services
// and servers with their rates, its workers, queues, drops and table.
//
// A Source is asked periodically. Two answers make a snapshot with rates (rate.go). A page
// turns the snapshot into lines (page.go, and a file for each view). The lines go to a
// terminal (screen.go) or are printed as they are (plain.go). Everything except screen.go
// works on values alone, including the handling of keys (key.go).
package top
