//go:build !linux

// Package peer needs Linux.
package peer
