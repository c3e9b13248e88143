// Package epoll contains the waiting primitives of the load generator and its
// server: readiness of many descriptors, time-outs in nanoseconds, and queues for
// constant time-outs, which expire in the order in which they were set. One thread
// uses a Poll and its queues, without a lock. Nothing allocates after construction.
package epoll
