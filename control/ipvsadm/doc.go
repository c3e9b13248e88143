// Package ipvsadm answers commands as ipvsadm 1.31 does: what it prints, its
// messages and its exit codes. The grammar is in package rules. Parse reads a
// command line, and Shell carries the command out on a Director, which is in this
// process or behind the control socket.
//
// Messages are ipvsadm's byte for byte, because scripts and operators search for
// them. Shell.Explain adds a second line that says more.
//
// Nothing here is called per packet. No value may be used by two goroutines at
// once.
package ipvsadm
