//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The source of the load. It is not attached: userspace has the kernel run it
// over frames of its own making (BPF_F_TEST_XDP_LIVE_FRAMES), and what it returns
// XDP_TX for leaves by the interface that it is said to have come in by. The
// pages are used again, with whatever was written into them on the way, so the
// headers are written anew for every frame.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define HEADERS 6  // words of 64 bits: Ethernet, IPv4, UDP, and a little of what they carry
#define BURST 64   // frames that the kernel sends together

// A flow is an address of 198.18.0.0/15 (RFC 2544), of which there are 2^17, and
// a port.
#define FIRST_ADDRESS 0xc6120000
#define ADDRESS_BITS 17
#define FIRST_PORT 1024

// The furthest that a paced source falls behind before it gives up what it has
// missed: a pause of the machine must not become a burst.
#define PATIENCE 1000000 // ns

#define LONGEST_WAIT (1 << 23) // turns of a loop of some 20 ns

// The headers, source and checksums being 0, and the sums over the 16-bit words
// of what they hold already: of the IPv4 header, and of the UDP pseudo header and
// header.
const volatile __u64 headers[HEADERS];
const volatile __u32 ip_sum;
const volatile __u32 udp_sum;

// The flows of this source: first, first + step, and so on.
const volatile __u32 first;
const volatile __u32 step;

// What userspace changes while the program runs.
volatile __u32 flows;   // of all sources
volatile __u64 gap;     // ns between the beginnings of two bursts; 0 is none
volatile __u32 stopped; // what is still to be run sends nothing

// What userspace reads.
volatile __u64 sent;

static __u32 next;
static __u64 due;

struct frame {
	__u16 ethernet[7];
	__u16 ip[5];
	__be16 ip_check;
	__be16 saddr[2];
	__be16 daddr[2];
	__be16 sport;
	__be16 dport;
	__be16 udp_len;
	__be16 udp_check;
	__u16 data[3];
} __attribute__((packed));

// word is 64 bits of a frame, whatever they are.
typedef __u64 __attribute__((may_alias)) word;

static long early(__u32 turn, void *unused)
{
	return bpf_ktime_get_ns() >= due;
}

// pace waits until the next burst is due.
static __always_inline void pace(void)
{
	__u64 now = bpf_ktime_get_ns();

	if (now > due + PATIENCE)
		due = now;
	else
		bpf_loop(LONGEST_WAIT, early, 0, 0);
	due += gap;
}

static __always_inline __be16 checksum(__u32 sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

SEC("xdp")
int source(struct xdp_md *ctx)
{
	struct frame *f = (void *)(long)ctx->data;
	__u32 flow, address;

	if (stopped || (void *)(f + 1) > (void *)(long)ctx->data_end)
		return XDP_DROP;
	if (gap && sent % BURST == 0)
		pace();
	flow = next;
	next += step;
	if (flow >= flows) {
		flow = first;
		next = first + step;
	}
	sent++;

	for (int i = 0; i < HEADERS; i++)
		((word *)f)[i] = headers[i];
	address = FIRST_ADDRESS + (flow & ((1 << ADDRESS_BITS) - 1));
	f->saddr[0] = bpf_htons(address >> 16);
	f->saddr[1] = bpf_htons(address & 0xffff);
	f->sport = bpf_htons(FIRST_PORT + (flow & 0xff) + (flow >> ADDRESS_BITS << 8));
	f->ip_check = checksum(ip_sum + f->saddr[0] + f->saddr[1]);
	f->udp_check = checksum(udp_sum + f->saddr[0] + f->saddr[1] + f->sport);
	if (!f->udp_check)
		f->udp_check = 0xffff; // RFC 768: 0 would say that there is none
	return XDP_TX;
}

// The licence of the project. No helper used here asks for the GPL.
char _license[] SEC("license") = "Apache-2.0";
