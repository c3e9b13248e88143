// Package epoll is what the load generator and its server wait with: readiness
// of many descriptors, time-outs in nanoseconds, and queues in which constant
// time-outs run out in the order that they were set. One thread uses a Poll and
// its queues, without a lock; nothing here allocates once it is made.
package epoll
