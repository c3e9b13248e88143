// SPDX-License-Identifier: Apache-2.0
//
// The maps of the steering programs. Userspace writes them. Addresses and ports
// are in network order. An IPv4 address has its mapped form (RFC 4291 section
// 2.5.5.2).

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define ENDPOINTS 262144
#define PREFIXES 16384
#define ADDRESSES 131072
#define INTERFACES 64

struct address {
	__be32 word[4];
};

// An endpoint is (address, protocol, port). Port 0 means every port. An entry
// with fragment 1 and port 0 means that at least one port of (address, protocol)
// is in the map. Fragments are looked up by it: a later fragment carries no
// ports, and the first fragment must go the same way as the later ones.
struct endpoint {
	struct address addr;
	__be16 port;
	__u8 proto;
	__u8 fragment;
};

// A prefix is every port of one protocol at a range of addresses. The bits are
// counted from proto on, because that is where the kernel's trie starts to
// compare.
struct prefix {
	__u32 bits;
	__u8 proto;
	__u8 zero[3];
	struct address addr;
};

#define PREFIX_BITS (8 * (sizeof(struct prefix) - sizeof(__u32)))

// The kinds of an address, as seen by the host. The values are those of the Go
// type standing.
enum { FOREIGN, HOST, VIP };

struct mac {
	__u8 byte[8]; // the first six are used
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

// Real servers whose answers pass through the director.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ENDPOINTS);
	__type(key, struct endpoint);
	__type(value, __u8);
} reals SEC(".maps");

// Real servers that receive packets of the director's tunnels.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, ADDRESSES);
	__type(key, struct address);
	__type(value, __u8);
} tunnels SEC(".maps");

// The host's own addresses and all VIPs. The address of every endpoint in
// services is in this map.
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
