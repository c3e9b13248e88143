//go:build race || !linux

package arena

import "errors"

func alloc[T any](n int) ([]T, error) { return make([]T, n), nil }

func sparse[T any](n int) ([]T, error) { return alloc[T](n) }

func hugePages(on bool) error {
	if !on {
		return errors.New("tables lie on the Go heap here, whose pages are as the Go runtime has them")
	}
	return nil
}

func free[T any]([]T) {}
