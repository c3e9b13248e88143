//go:build ignore

// SPDX-License-Identifier: Apache-2.0
//
// The source of the load. It is not attached: userspace makes the kernel run it
// over generated frames (BPF_F_TEST_XDP_LIVE_FRAMES). A frame for which it returns
// XDP_TX is sent on the interface of the program's context. The kernel reuses the
// pages, and other programs on the path may have changed them, so this program
// writes the headers of every frame.

#include <linux/bpf.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define HEADERS 6  // words of 64 bits: Ethernet, IPv4, UDP, and the start of the payload
#define BURST 64   // frames that the kernel sends in one batch

// A flow is an address of 198.18.0.0/15 (RFC 2544), of which there are 2^17, and
// a port.
#define FIRST_ADDRESS 0xc6120000
#define ADDRESS_BITS 17
#define FIRST_PORT 1024

// A paced source that is later than this skips the bursts that it has missed: a
// pause of the machine must not become a large burst.
#define PATIENCE 1000000 // ns

#define LONGEST_WAIT (1 << 23) // iterations of a loop of about 20 ns

// The headers, with source and checksums 0, and the sums of the 16-bit words that
// do not vary: those of the IPv4 header, and those of the UDP pseudo header and UDP
// header.
const volatile __u64 headers[HEADERS];
const volatile __u32 ip_sum;
const volatile __u32 udp_sum;

// The flows of this source: first, first + step, and so on.
const volatile __u32 first;
const volatile __u32 step;

// Userspace writes these while the program runs.
volatile __u32 flows;   // of all sources
volatile __u64 gap;     // ns between the starts of two bursts; 0: no pacing
volatile __u32 stopped; // the remaining runs send nothing

// Userspace reads this.
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

// word is any 64 bits of a frame.
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
		f->udp_check = 0xffff; // RFC 768: 0 means no checksum
	return XDP_TX;
}

// The licence of the project. No helper used here requires the GPL.
char _license[] SEC("license") = "Apache-2.0";
