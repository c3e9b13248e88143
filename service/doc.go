// Package service holds the virtual services and their real servers: a
// specification, as the operator wrote it, becomes an immutable Table that all
// workers read without locks. What does change as connections come and go, the
// loads and the schedulers' positions, is shared by all workers and lives
// behind pointers in it.
package service
