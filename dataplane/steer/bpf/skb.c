//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The programs that work on socket buffers: those that AF_PACKET needs in place
// of XDP, and those that return frames to the kernel. The data of a buffer may be
// in pages and larger than a frame, so it is read by a helper only.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define CTX struct __sk_buff

static __always_inline long load(CTX *skb, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(skb, off, to, len);
}

#include "steer.h"

// The mark of a frame that returns to the kernel. The last of these programs that
// sees the frame clears the mark, so nobody else sees it.
#define RETURNING 0x64697263 // "dirc"

// How frames return: to the interface target, past the hook that took them there.
// Both are set when the program is loaded. The values of hook are those of the Go
// type Hook.
enum { NATIVE_XDP, GENERIC_XDP, PACKET_TAP };
volatile const __u32 target;
volatile const __u32 hook;

// ours decides about a buffer. It does not belong to the director if it returns to
// the kernel, or if the kernel has moved a VLAN tag out of the frame.
static __always_inline int ours(struct __sk_buff *skb)
{
	return skb->mark != RETURNING && !skb->vlan_present && taken(skb, skb->ifindex);
}

// tap is the filter of packet sockets: it accepts only the director's frames.
SEC("socket")
int tap(struct __sk_buff *skb)
{
	return ours(skb) ? -1 : 0;
}

// drop hides the director's frames from the kernel. It runs after the packet
// sockets have seen them. It clears the mark, which nobody needs any more: the
// host's policy routing must not see it.
SEC("tcx/ingress")
int drop(struct __sk_buff *skb)
{
	if (ours(skb))
		return TC_ACT_SHOT;
	if (skb->mark == RETURNING)
		skb->mark = 0;
	return TC_ACT_UNSPEC;
}

// The time at which the blackout filter stops hiding frames, by the clock of
// bpf_ktime_get_ns. Set when the filter is attached, which is long after the
// program was loaded.
volatile __u64 until;

// blackout is the filter that a director leaves behind when it will be started
// again. It hides the director's frames from the kernel while no director forwards
// them. It needs no process and becomes ineffective by itself.
SEC("tc")
int blackout(struct __sk_buff *skb)
{
	return bpf_ktime_get_ns() < until && ours(skb) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

// reinject is attached to the director's own device. It redirects frames that are
// written there to the ingress of target. Native XDP runs earlier than that, so it
// does not see them again. The programs tap and drop recognise the mark. Generic
// XDP would take the frame again: it ignores only frames that were redirected to an
// egress before (net/core/dev.c, netif_receive_generic_xdp). So with generic XDP
// the frame is redirected to the egress of target, and turn sends it back to the
// ingress before it reaches the queueing discipline.
SEC("tcx/ingress")
int reinject(struct __sk_buff *skb)
{
	if (hook != NATIVE_XDP)
		skb->mark = RETURNING;
	return bpf_redirect(target, hook == GENERIC_XDP ? 0 : BPF_F_INGRESS);
}

// turn redirects returning frames from the egress of an interface to its ingress.
SEC("tcx/egress")
int turn(struct __sk_buff *skb)
{
	if (skb->mark != RETURNING)
		return TC_ACT_UNSPEC;
	skb->mark = 0;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}
