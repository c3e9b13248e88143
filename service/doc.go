// Package service holds the virtual services and their real servers.
//
// The control plane changes a Registry: one goroutine makes one change at a time, as
// ipvsadm does. Commit publishes the result to the workers as an immutable Table,
// which they read without locks. The loads and the positions of the schedulers change
// as connections begin and end. All workers share them through pointers in the table.
package service
