//go:build !race

package ordered_test

const racing = false
