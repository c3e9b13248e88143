// Package packet is the vocabulary of the data path: addresses, flows, frames
// and the batches they travel in, header views over raw bytes, the parser and
// checksum arithmetic.
//
// Everything here works on memory that somebody else owns. A header view
// (IPv4, L4, ICMP) is a byte slice with methods, valid for as long as the frame
// it was cut from; nothing allocates, nothing logs and nothing returns an error
// value: a frame that cannot be understood gets a Reason.
//
// The package imports the standard library only and is imported by everything
// else.
package packet
