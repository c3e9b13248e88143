//go:build race || !linux

package arena

func alloc[T any](n int) ([]T, error) { return make([]T, n), nil }

func free[T any]([]T) {}
