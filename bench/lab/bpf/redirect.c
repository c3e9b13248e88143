//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// This program redirects every frame to the AF_XDP socket of its queue. A plain
// forwarder needs nothing else.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// The sockets by queue. Userspace sets the size when it loads the program.
struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

SEC("xdp")
int redirect(struct xdp_md *ctx)
{
	return bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_DROP);
}

// The licence of the project. No helper used here requires the GPL.
char _license[] SEC("license") = "Apache-2.0";
