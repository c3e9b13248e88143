//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// Every frame goes up to the AF_XDP socket of its queue: what a forwarder needs
// that does nothing else.

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

// The sockets by queue; its size is set when it is loaded.
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

// The licence of the project. No helper used here asks for the GPL.
char _license[] SEC("license") = "Apache-2.0";
