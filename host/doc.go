// Package host is what the machine must look like while the director runs, and
// how to leave it as it was found. The package itself holds what is asked once
// before anything starts: kernel, privileges, and the claim that keeps a second
// director off an interface. Its sub-packages each change or read one thing:
// cpu (threads), irq (interrupts), nic (receive queues), vip (addresses),
// notify (the service manager).
//
// Sockets that these packages keep are opened in the network namespace of the
// calling thread, and stay there.
package host
