// Package daemon is the running director: it opens queues, employs workers, keeps
// their view of services and of the network up to date, and leaves the host as it
// found it. It needs Linux.
package daemon
