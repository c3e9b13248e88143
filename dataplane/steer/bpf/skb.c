//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The programs that see socket buffers: what AF_PACKET needs in place of XDP,
// and the way back into the kernel. A buffer may be paged and larger than any
// frame, so it is read by helper only.

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#define CTX struct __sk_buff

static __always_inline long load(CTX *skb, __u32 off, void *to, __u32 len)
{
	return bpf_skb_load_bytes(skb, off, to, len);
}

#include "steer.h"

// The mark of a frame on its way back. It never leaves our hands: whichever
// program meets it last clears it.
#define RETURNING 0x64697263 // "dirc"

// How frames go back: to the interface target, past the hook that took them
// there. Set when the program is loaded; the values of hook are Go's Hook.
enum { NATIVE_XDP, GENERIC_XDP, PACKET_TAP };
volatile const __u32 target;
volatile const __u32 hook;

// ours is the decision for a buffer: one that is on its way back, or had a
// VLAN tag that the kernel moved out of the frame, is not the director's.
static __always_inline int ours(struct __sk_buff *skb)
{
	return skb->mark != RETURNING && !skb->vlan_present && taken(skb, skb->ifindex);
}

// tap lets packet sockets see the director's frames and nothing else.
SEC("socket")
int tap(struct __sk_buff *skb)
{
	return ours(skb) ? -1 : 0;
}

// drop hides the director's frames from the kernel, after the sockets' turn.
// The mark has done its work here; the host's policy routing must not see it.
SEC("tcx/ingress")
int drop(struct __sk_buff *skb)
{
	if (ours(skb))
		return TC_ACT_SHOT;
	if (skb->mark == RETURNING)
		skb->mark = 0;
	return TC_ACT_UNSPEC;
}

// Until when the veil hides frames, by the clock of bpf_ktime_get_ns. Set when it is
// left behind, which is long after the program was loaded.
volatile __u64 until;

// veil is what a director leaves behind that means to come back: it hides what
// is the director's as long as nobody forwards it. It needs no process, and
// undoes itself.
SEC("tc")
int veil(struct __sk_buff *skb)
{
	return bpf_ktime_get_ns() < until && ours(skb) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

// giveback stands on our own device and puts what is written there on the
// ingress of target. Native XDP lies before that place. The tap and the drop
// know the mark. Generic XDP would catch the frame again: it leaves alone only
// what was once redirected to an egress (net/core/dev.c,
// netif_receive_generic_xdp). So there the frame sets out to leave by target,
// and turns before it comes to the queueing discipline.
SEC("tcx/ingress")
int giveback(struct __sk_buff *skb)
{
	if (hook != NATIVE_XDP)
		skb->mark = RETURNING;
	return bpf_redirect(target, hook == GENERIC_XDP ? 0 : BPF_F_INGRESS);
}

SEC("tcx/egress")
int turn(struct __sk_buff *skb)
{
	if (skb->mark != RETURNING)
		return TC_ACT_UNSPEC;
	skb->mark = 0;
	return bpf_redirect(skb->ifindex, BPF_F_INGRESS);
}
