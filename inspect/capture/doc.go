// Package capture writes what a running director receives, sends and drops as
// pcapng: each frame on its interface, with its direction and, as a comment, what
// became of it and why.
//
// The workers copy frames into rings of fixed size (dataplane.Tap), within a share
// of their time and a rate; a Session writes down what it finds there. Whoever
// reads slowly loses records, which are counted, and slows nobody.
package capture
