// Package service holds the virtual services and their real servers.
//
// A Registry is what the control plane changes: one goroutine, one change at a
// time, as ipvsadm does. Commit shows the workers the outcome as an immutable
// Table, which they read without locks. What does change as connections come
// and go, the loads and the schedulers' positions, is shared by all workers and
// lives behind pointers in it.
package service
