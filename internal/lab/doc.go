// Package lab builds the network of tests, benchmarks and the demonstration: clients, a
// director and real servers. Each is a network namespace of its own. Veth pairs connect
// them to a switch, which is another namespace with a bridge for each segment. The package
// needs root and Linux but no `ip` command. It changes nothing outside the namespaces that
// it makes.
//
// Two arms: the director has an interface on each of two segments. A client has a second
// leg for direct routing and tunnelling only. By this leg the servers' answers reach the
// client without the director.
//
//	client1 eth0 .101 ──┐                                         ┌── eth0 .11 rs1
//	client2 eth0 .102 ──┤                                         ├── eth0 .12 rs2
//	  ...               ├─ front ── eth0 director eth1 ── back ───┤    ...
//	                    │           .1            .1              ├── eth0 .14 rs4
//	           198.51.100.0/24                10.0.0.0/24         │
//	client1 eth1 10.0.0.101 ──────────────────────────────────────┘
//
// One arm: both subnets are on one segment, and the director's only interface has an
// address in each. With direct routing and tunnelling the servers reach the clients on this
// segment.
//
//	client1 eth0 198.51.100.101 ──┐               ┌── eth0 10.0.0.11 rs1
//	client2 eth0 198.51.100.102 ──┼──── front ────┼── eth0 10.0.0.12 rs2
//	                              │               │
//	                              └─ eth0 ────────┘
//	                               director 198.51.100.1, 10.0.0.1
//
// The virtual address is 192.0.2.10, which the clients reach by a route through the
// director, or 198.51.100.10, for which they send ARP requests. The director's kernel
// forwards, because the director is the servers' default gateway with every method. With
// direct routing and tunnelling, host routes send the servers' answers directly to the
// clients.
//
// One client can have several addresses, and so act as several clients ([Config].Sources).
//
// With direct routing and tunnelling each server has the virtual address on its loopback and
// does not answer ARP requests for it (arp_ignore 1, arp_announce 2). For tunnelling a tc
// program replaces tunnel devices, which some kernels do not have.
//
// The namespaces have the names dirlab-PID-N-HOST under /run/netns, so `ip netns exec` and
// `nsenter --net=/run/netns/...` can enter them. Only these names can remain after the
// process. They are removed by [Lab.Close] and on SIGINT, SIGTERM and SIGHUP. The names of a
// process that was killed are removed by the next [New].
package lab
