package lab

// The objects are committed, so that a build needs only Go. Generating them needs
// clang 14 or later, libbpf-dev and the kernel's user headers.

//go:generate go tool bpf2go -target bpfel -no-global-types source bpf/source.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
//go:generate go tool bpf2go -target bpfel -no-global-types sink bpf/sink.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
//go:generate go tool bpf2go -target bpfel -no-global-types redirect bpf/redirect.c -- -O2 -Wall -Werror -I/usr/include/x86_64-linux-gnu -I/usr/include/aarch64-linux-gnu
