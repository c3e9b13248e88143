//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The XDP program: the director's frames go up through AF_XDP, all others go
// on into the kernel.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define CTX struct xdp_md

static __always_inline long load(CTX *ctx, __u32 off, void *to, __u32 len)
{
	void *from = (void *)(long)ctx->data + off;

	if (from + len > (void *)(long)ctx->data_end)
		return -1;
	__builtin_memcpy(to, from, len);
	return 0;
}

#include "steer.h"

// The sockets of one interface by queue; its size is set when it is loaded.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

// How many of the director's frames came in on a queue that no worker serves.
// They are dropped: the kernel may hold the VIP and would answer for it.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} unserved SEC(".maps");

SEC("xdp")
int steer(struct xdp_md *ctx)
{
	__u32 zero = 0;
	__u64 *count;
	long act;

	if (!taken(ctx, ctx->ingress_ifindex))
		return XDP_PASS;
	act = bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_DROP);
	if (act != XDP_REDIRECT && (count = bpf_map_lookup_elem(&unserved, &zero)))
		(*count)++;
	return act;
}
