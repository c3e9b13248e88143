// Package micro measures the data plane in memory: the workers' own code over
// ports made of memory, without privileges, on any system that Go runs on.
//
// # The network
//
// One interface, one interface:
//
//	clients 198.18.0.0/15 --- gateway 10.0.0.254 --- director 10.0.0.1
//	                                                 virtual 192.0.2.10:80
//	                                                 eight real servers 10.0.0.11..18, rr
//
// # What a row holds
//
// A case is one kind of traffic, nothing else: NAT in, NAT reply, DR or TUN, of
// established connections (hit: bare ACKs) or of new ones (new: SYNs), with so
// many connections in the table. A port writes each frame when it is received,
// a template with the flow's address, port and checksums, into the next of 4096
// chunks of 2 KiB, as a NIC would; the flow is drawn at random. Then the worker
// does all that it does in "director run": counters, state, time stamps, time to
// live, checksums, sweeping, publishing. What transmitting costs is a descriptor.
//
// # What it is compared with
//
// The floor is the same port and batch with nothing but the Ethernet addresses
// exchanged in between. Memory is one random read that depends on the one
// before, over 192 MiB on huge pages where the system has them. Every
// repetition takes all rows in turn, so that a noisy neighbour disturbs all.
package micro
