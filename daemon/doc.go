// Package daemon is the running director. It opens queues, starts workers, keeps their
// view of services and of the network up to date, and restores the host at the end. It
// needs Linux.
package daemon
