//go:build race

package main

// raced is 1 if the race detector watches the test and the directors that it starts.
const raced = 1
