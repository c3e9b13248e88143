// SPDX-License-Identifier: Apache-2.0
//
// The decision of the steering programs: does a frame belong to the director or
// to the kernel? Every program of the package includes this file. So the frames
// that one program passes to userspace are exactly those that another program
// hides from the kernel. The including file defines CTX, its context type, and
//
//	static long load(CTX *ctx, __u32 off, void *to, __u32 len)
//
// This function copies len bytes of the frame, starting at off, where 0 is the
// first byte of the Ethernet header. It returns a negative value if the frame is
// too short.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "maps.h"

#ifndef CTX
#error "steer.h: the including file must define CTX and load()"
#endif

#define KEY_PORT 500     // RFC 7296 section 2: IKE, IPsec's key exchange over UDP
#define IP_MF 0x2000     // RFC 791 section 3.1: more fragments
#define IP_OFFSET 0x1fff // fragment offset, in units of 8 bytes

// RFC 792: the errors that concern a connection.
enum { ICMP_UNREACHABLE = 3, ICMP_QUENCH = 4, ICMP_EXCEEDED = 11 };

// An ICMP error, up to the options of the packet that it quotes.
struct error {
	__u8 type;
	__u8 code;
	__be16 check;
	__be32 rest;
	struct iphdr ip;
};

static __always_inline int listed(void *map, struct endpoint *e)
{
	return bpf_map_lookup_elem(map, e) != 0;
}

// wide reports whether every port at e is in map.
static __always_inline int wide(void *map, struct endpoint *e)
{
	struct endpoint every = *e;

	every.port = 0;
	return listed(map, &every);
}

// marked reports whether e is in one of the prefixes.
static __always_inline int marked(struct endpoint *e)
{
	struct prefix key = {.bits = PREFIX_BITS, .proto = e->proto, .addr = e->addr};

	return bpf_map_lookup_elem(&prefixes, &key) != 0;
}

static __always_inline int standing(struct address *a)
{
	__u8 *s = bpf_map_lookup_elem(&locals, a);

	return s ? *s : FOREIGN;
}

// claimed decides by the source and the destination of a packet. A packet to a
// service belongs to the director. So does a packet from a real server, unless
// its destination is the host itself, for example because the host checks the
// server's health. The kind of the destination address is looked up before the
// real servers: so the frames of connections need few lookups, and the host's own
// frames need only two of them.
static __always_inline int claimed(struct endpoint *src, struct endpoint *dst)
{
	if (listed(&services, dst))
		return 1;
	switch (standing(&dst->addr)) {
	case FOREIGN:
		return listed(&reals, src) || wide(&reals, src) || marked(dst);
	case VIP:
		return wide(&services, dst) || marked(dst);
	}
	return 0;
}

// ends fills in both endpoints except for the ports.
static __always_inline void ends(struct iphdr *ip, struct endpoint *src, struct endpoint *dst)
{
	src->addr.word[2] = dst->addr.word[2] = bpf_htonl(0xffff);
	src->addr.word[3] = ip->saddr;
	dst->addr.word[3] = ip->daddr;
	src->proto = dst->proto = ip->protocol;
}

// balanced reports whether a service can have this protocol. The headers of these
// protocols all start with the two ports.
static __always_inline int balanced(__u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

// wrapped reports whether a quoted packet from src to dst may come from one of the
// director's tunnels.
static __always_inline int wrapped(struct endpoint *src, struct endpoint *dst)
{
	return bpf_map_lookup_elem(&tunnels, &dst->addr) && standing(&src->addr) != FOREIGN;
}

// taken_error decides about an ICMP message at off. An ICMP error belongs to the
// director if an answer to the packet that it quotes would belong to it. There
// are two such cases: a service's answer caused the error, which then goes to the
// service; or a client's packet caused it behind the director, and it goes to the
// client. An error about one of the director's tunnels belongs to it, too. For GUE
// userspace compares the port and reinjects errors about UDP packets that the
// host itself sent. An error goes to the sender of the packet that it quotes
// (RFC 792), so errors about the host's own packets stay with the host. The
// function is not inlined, because it would take registers from the path of
// connections' frames.
static __noinline int taken_error(CTX *ctx, __u32 off, __be32 to)
{
	struct endpoint src = {}, dst = {}; // of an answer to the quoted packet
	struct error e;
	__be16 port[2];

	if (load(ctx, off, &e, sizeof(e)) < 0)
		return 0;
	if (e.type != ICMP_UNREACHABLE && e.type != ICMP_QUENCH && e.type != ICMP_EXCEEDED)
		return 0;
	if (e.ip.version != 4 || e.ip.ihl < 5 || e.ip.saddr != to)
		return 0;
	if (e.ip.frag_off & bpf_htons(IP_OFFSET)) // a later fragment: no ports
		return 0;
	ends(&e.ip, &dst, &src);
	if (e.ip.protocol == IPPROTO_IPIP || e.ip.protocol == IPPROTO_GRE)
		return wrapped(&dst, &src);
	off += sizeof(e) - sizeof(e.ip) + 4 * e.ip.ihl;
	if (load(ctx, off, port, sizeof(port)) < 0)
		return 0;
	dst.port = port[0];
	src.port = port[1];
	return claimed(&src, &dst) || (e.ip.protocol == IPPROTO_UDP && wrapped(&dst, &src));
}

// taken_ipv4 decides about an IPv4 packet. A packet of IPsec goes the same way as
// the packets of its key exchange.
static __always_inline int taken_ipv4(CTX *ctx)
{
	struct endpoint src = {}, dst = {};
	struct iphdr ip;
	__be16 port[2];
	int fragment;

	if (load(ctx, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return 0;
	if (ip.version != 4 || ip.ihl < 5)
		return 0;
	fragment = ip.frag_off & bpf_htons(IP_MF | IP_OFFSET);
	if (ip.protocol == IPPROTO_ICMP && !fragment)
		return taken_error(ctx, ETH_HLEN + 4 * ip.ihl, ip.daddr);
	ends(&ip, &src, &dst);
	if (ip.protocol == IPPROTO_ESP || ip.protocol == IPPROTO_AH) {
		src.proto = dst.proto = IPPROTO_UDP;
		src.port = dst.port = bpf_htons(KEY_PORT);
		return claimed(&src, &dst);
	}
	if (!balanced(ip.protocol))
		return 0;
	if (fragment) {
		src.fragment = dst.fragment = 1;
		return claimed(&src, &dst);
	}
	if (load(ctx, ETH_HLEN + 4 * ip.ihl, port, sizeof(port)) < 0)
		return 0;
	src.port = port[0];
	dst.port = port[1];
	return claimed(&src, &dst);
}

// taken reports whether a frame that arrived on ifindex belongs to the director. A
// frame with a VLAN tag does not: it has another ethertype.
static __always_inline int taken(CTX *ctx, __u32 ifindex)
{
	struct mac *own = bpf_map_lookup_elem(&macs, &ifindex);
	struct ethhdr eth;

	if (!own || load(ctx, 0, &eth, sizeof(eth)) < 0)
		return 0;
	for (int i = 0; i < ETH_ALEN; i++)
		if (eth.h_dest[i] != own->byte[i])
			return 0;
	switch (eth.h_proto) {
	case bpf_htons(ETH_P_IP):
		return taken_ipv4(ctx);
	}
	return 0;
}

// The licence of the project. None of the helpers used here requires the GPL.
char _license[] SEC("license") = "Apache-2.0";
