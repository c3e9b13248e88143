package steer

// The objects are committed, so that a build needs nothing but Go. To compile them
// again, install clang 14 or later, libbpf-dev and the kernel's user headers.

//go:generate go tool bpf2go -target bpfel -no-global-types xdp bpf/xdp.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
//go:generate go tool bpf2go -target bpfel -no-global-types skb bpf/skb.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
