// SPDX-License-Identifier: Apache-2.0
//
// The one decision of the steering programs: is this frame the director's
// business, or the kernel's? Every program of the package includes this file,
// so that what one hands to userspace is exactly what another hides from the
// kernel. The includer defines CTX, its context type, and
//
//	static long load(CTX *ctx, __u32 off, void *to, __u32 len)
//
// which copies len bytes of the frame from off (0 is the first byte of the
// Ethernet header), or returns a negative value if the frame is shorter.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#ifndef CTX
#error "steer.h: the includer defines CTX and load()"
#endif

#define ENDPOINTS 65536
#define ADDRESSES 16384
#define INTERFACES 64

#define IP_MF 0x2000     // RFC 791 section 3.1: more fragments
#define IP_OFFSET 0x1fff // fragment offset, in units of 8 bytes

// IPv4 addresses are held in their mapped form (RFC 4291 section 2.5.5.2).
struct address {
	__be32 word[4];
};

// An endpoint is (address, protocol, port), or, with fragment 1 and port 0,
// stands for every port of (address, protocol): of a later fragment no port is
// known, and a first fragment must go where the later ones go.
struct endpoint {
	struct address addr;
	__be16 port;
	__u8 proto;
	__u8 fragment;
};

struct mac {
	__u8 byte[8]; // the first six count
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ENDPOINTS);
	__type(key, struct endpoint);
	__type(value, __u8);
} services SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ENDPOINTS);
	__type(key, struct endpoint);
	__type(value, __u8);
} reals SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ADDRESSES);
	__type(key, struct address);
	__type(value, __u8);
} locals SEC(".maps");

// The Ethernet address of each interface that carries balanced traffic.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, INTERFACES);
	__type(key, __u32);
	__type(value, struct mac);
} macs SEC(".maps");

// claimed decides by the endpoints at both ends of a packet. To a service: ours.
// From a real server: ours too, unless the host itself is the other end, as it
// is when it checks its servers' health.
static __always_inline int claimed(struct endpoint *src, struct endpoint *dst)
{
	if (bpf_map_lookup_elem(&services, dst))
		return 1;
	return bpf_map_lookup_elem(&reals, src) &&
	       !bpf_map_lookup_elem(&locals, &dst->addr);
}

static __always_inline int taken_ipv4(CTX *ctx)
{
	struct endpoint src = {}, dst = {};
	struct iphdr ip;
	__be16 port[2];

	if (load(ctx, ETH_HLEN, &ip, sizeof(ip)) < 0)
		return 0;
	if (ip.version != 4 || ip.ihl < 5)
		return 0;
	if (ip.protocol != IPPROTO_TCP && ip.protocol != IPPROTO_UDP)
		return 0;
	src.addr.word[2] = dst.addr.word[2] = bpf_htonl(0xffff);
	src.addr.word[3] = ip.saddr;
	dst.addr.word[3] = ip.daddr;
	src.proto = dst.proto = ip.protocol;
	if (ip.frag_off & bpf_htons(IP_MF | IP_OFFSET)) {
		src.fragment = dst.fragment = 1;
		return claimed(&src, &dst);
	}
	if (load(ctx, ETH_HLEN + 4 * ip.ihl, port, sizeof(port)) < 0)
		return 0;
	src.port = port[0];
	dst.port = port[1];
	return claimed(&src, &dst);
}

// taken reports whether a frame that arrived on ifindex is the director's. A
// tagged frame is not: its ethertype says so.
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

// The licence of the project. No helper used here asks for the GPL.
char _license[] SEC("license") = "Apache-2.0";
