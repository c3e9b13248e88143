// Package state writes and reads the state file. A director saves its connections in it
// when it stops, and the next director takes them over. The services are not in it: they
// come from the configuration and from the journal.
//
// # Format
//
//	"DIRSTATE"                          8 bytes
//	version                             4
//	length of the header                4
//	header, JSON                        a Header
//	a record for each connection        parents before their children
//	'e', number of records              1 + 8
//	SHA-256 of everything before        32
//
// Numbers are little-endian. A record is
//
//	'c', kind, method, state, protocol  5 × 1
//	bits of the optional parts          1: see the constants
//	ports: client, virtual, target      3 × 2
//	number of the server in the header  4
//	packets                             4
//	time-out of a template, in seconds  4
//	firewall mark                       4
//	flags                               2
//	time left, in nanoseconds           8
//	order                               8
//	ID                                  8
//	addresses: client, virtual, target  3 × 4 if all are IPv4, else 3 × 16
//	ID of the parent                    8, if it has one
//	local address, local port           16 + 2, and
//	shifts: client, server              2 × 3 × 4, if it has a second tuple or shifts
//	data of the persistence engine      2 for its length + the data, if there are any
//	dialogue of the FTP helper          28, if there is one
//
// Kinds, methods and states are numbers of packages conntrack and service. The fields of
// the header have their names in Go. If one of these numbers or names changes, the
// version must change too. A file of another version is refused as a whole, and so is a
// damaged file.
package state
