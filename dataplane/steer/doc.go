// Package steer decides in the kernel which frames belong to the director. It
// contains the BPF programs, loads and attaches them, and updates their maps when
// the configuration changes. All other frames stay with the host.
//
// The programs claim a few more frames than the director balances: for a firewall
// mark they compare the prefixes but not the ports, for a fragment only the
// address, and for a packet quoted in an ICMP error only its two ends. Userspace
// knows the connections and reinjects the other frames.
//
// With AF_XDP one program per interface passes the frames to the sockets. With
// AF_PACKET the host gets a copy of every frame. There a socket filter passes only
// the director's frames to userspace, and a tc program drops the same frames for
// the host. All programs include bpf/steer.h, so they always decide alike.
//
// A frame that does not belong to the director after all is reinjected: package
// reinject writes it to a device of the director's own, and the program that
// AttachReinject attaches there redirects it to the ingress of the interface on
// which it arrived. The host then handles it like any other frame of that
// interface, even with a strict reverse path filter.
//
// Every attachment is a bpf_link, except for the blackout filter. When the process
// ends, for whatever reason, the kernel detaches the programs and the host receives
// all frames again.
package steer
