// Package steer decides in the kernel which frames are the director's: it holds
// the BPF programs, loads and attaches them and keeps their maps in step with
// the configuration. Everything it does not claim stays with the host.
//
// What it claims is a little more than is balanced: of a firewall mark it knows
// the prefixes and not the ports, of a fragment the address only, and of a
// packet quoted in an ICMP error no more than its ends. Userspace knows the
// connections and gives back the rest.
//
// With AF_XDP one program per interface hands the frames to the sockets. With
// AF_PACKET, where the host sees a copy of everything, a socket filter lets
// only the director's frames up and a tc program drops the same ones for the
// host. All of them include bpf/steer.h, so they cannot disagree.
//
// A frame that turns out not to be the director's goes back: package reinject
// writes it to a device of our own, from where a program attached with
// AttachGiveback puts it on the ingress of the interface it came from. The
// host then sees it as if it had never left, strict reverse path filter
// included.
//
// Every attachment is a bpf_link. When the process dies, however it dies, the
// kernel detaches the programs and has its interface back.
package steer
