//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The sink of the load. It counts and drops packets at the tc hook, before the
// host's stack. An XDP program in its place would make veth copy each frame that
// a generic transmit made.

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/pkt_cls.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define DISCARD 9 // RFC 863: the load's port

// The form in which a packet should arrive: tunnelled or not, and its destination.
const volatile __u8 proto;
const volatile __be32 net;
const volatile __be32 mask;

enum { ARRIVED, OTHERWISE, COUNTS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, COUNTS);
	__type(key, __u32);
	__type(value, __u64);
} counts SEC(".maps");

SEC("tc")
int sink(struct __sk_buff *skb)
{
	struct {
		struct ethhdr eth;
		struct iphdr ip;
		struct udphdr udp;
	} __attribute__((packed)) *f = (void *)(long)skb->data;
	__u32 kind = ARRIVED;
	__u64 *count;

	if ((void *)(f + 1) > (void *)(long)skb->data_end || f->eth.h_proto != bpf_htons(ETH_P_IP))
		return TC_ACT_UNSPEC;
	switch (f->ip.protocol) {
	case IPPROTO_UDP:
		if (f->udp.dest != bpf_htons(DISCARD))
			return TC_ACT_UNSPEC;
		break;
	case IPPROTO_IPIP:
		break;
	default:
		return TC_ACT_UNSPEC;
	}
	if (f->ip.protocol != proto || (f->ip.daddr & mask) != net)
		kind = OTHERWISE;
	count = bpf_map_lookup_elem(&counts, &kind);
	if (count)
		(*count)++;
	return TC_ACT_SHOT;
}

// The licence of the project. No helper used here requires the GPL.
char _license[] SEC("license") = "Apache-2.0";
