// Package host prepares the machine for the director and restores it afterwards. The
// package itself checks what is needed before anything starts: the kernel, privileges,
// and the claim that keeps a second director off an interface. Each sub-package reads or
// changes one thing: cpu (threads), irq (interrupts), nic (receive queues), vip
// (addresses), notify (the service manager), privilege (capabilities). Package plan
// decides from facts alone.
//
// Sockets that these packages keep are opened in the network namespace of the calling
// thread, and stay there.
package host
