// Package top is a live view of a running director for a terminal: its services
// and servers with their rates, its workers, queues, drops and table.
//
// A Source is asked every so often. Two answers make a snapshot with rates
// (rate.go), a page turns the snapshot into lines (page.go and a file for each of
// its views), and the lines go to a terminal (screen.go) or are printed as they are
// (plain.go). Everything but screen.go is arithmetic on values, the keys included
// (key.go).
package top
