//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The XDP program: it passes the director's frames to userspace through AF_XDP,
// and all others to the kernel.

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

// The sockets of one interface by queue. The size is set when the map is loaded.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

// The number of the director's frames that arrived on a queue without a worker.
// They are dropped: the kernel may have the VIP and would answer for it.
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
