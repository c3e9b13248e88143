// Package micro measures the data plane in memory. It runs the workers' own code
// over ports in memory, without privileges, on every system that Go supports.
//
// # The network
//
// The director has one interface:
//
//	clients 198.18.0.0/15 --- gateway 10.0.0.254 --- director 10.0.0.1
//	                                                 virtual 192.0.2.10:80
//	                                                 eight real servers 10.0.0.11..18, rr
//
// # What a row includes
//
// A case is one kind of traffic only: NAT in, NAT reply, DR or TUN. The packets
// belong to established connections (hit: bare ACKs) or start new ones (new: SYNs).
// The number of connections in the table is part of the case. When a frame is
// received, the port writes it into the next of 4096 chunks of 2 KiB, as a NIC
// would: a template with the address, port and checksums of a random flow. Then the
// worker does everything that it does in "director run": counters, state, time
// stamps, time to live, checksums, sweeping, publishing. Transmitting a frame costs
// the writing of one descriptor.
//
// # What it is compared with
//
// The floor is the same port and batch; only the Ethernet addresses are exchanged.
// Memory is one random read, which depends on the read before, in an area of 192
// MiB, on huge pages where the system has them. Every repetition measures all rows
// in turn, so a disturbance of the machine affects all rows.
package micro
