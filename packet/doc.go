// Package packet defines the types of the data path: addresses, flows, frames,
// batches of frames and header views over raw bytes. It also contains the parser and
// the checksum arithmetic.
//
// The package never owns the memory of a frame. A header view (IPv4, L4, ICMP) is a
// byte slice with methods. It is valid for as long as the frame that contains it.
// Nothing allocates, logs or returns an error value. A frame that the parser does not
// understand gets a Reason.
//
// The package imports the standard library only. All other packages may import it.
package packet
