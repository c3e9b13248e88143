// SPDX-License-Identifier: Apache-2.0
//
// What the steering programs know, written by userspace. Addresses and ports
// are in network order; IPv4 addresses are held in their mapped form (RFC 4291
// section 2.5.5.2).

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ENDPOINTS 65536
#define PREFIXES 16384
#define ADDRESSES 16384
#define INTERFACES 64

struct address {
	__be32 word[4];
};

// An endpoint is (address, protocol, port). Port 0 stands for every port. With
// fragment 1 and port 0 it says that some port of (address, protocol) is in the
// map: of a later fragment no port is known, and a first fragment must go where
// the later ones go.
struct endpoint {
	struct address addr;
	__be16 port;
	__u8 proto;
	__u8 fragment;
};

// A prefix is every port of a protocol at many addresses. Bits counts from
// proto on, as the kernel's trie compares.
struct prefix {
	__u32 bits;
	__u8 proto;
	__u8 zero[3];
	struct address addr;
};

#define PREFIX_BITS (8 * (sizeof(struct prefix) - sizeof(__u32)))

// What an address is to the host. The values are Go's standing.
enum { FOREIGN, HOST, VIP };

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
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, PREFIXES);
	__type(key, struct prefix);
	__type(value, __u8);
} prefixes SEC(".maps");

// Real servers that answer through the director.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ENDPOINTS);
	__type(key, struct endpoint);
	__type(value, __u8);
} reals SEC(".maps");

// Real servers at the far end of a tunnel of ours.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ADDRESSES);
	__type(key, struct address);
	__type(value, __u8);
} tunnels SEC(".maps");

// The host's own addresses and all VIPs: the address of every endpoint in
// services is here.
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
