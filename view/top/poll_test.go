package top_test

import (
	"context"
	"errors"
	"testing"

	"director/control"
	"director/view/figures"
	"director/view/top"
)

// Figures and services are two answers. If they are not of one moment, they are read again.
func TestAsk_TakesFiguresAndServicesOfOneCount(t *testing.T) {
	for name, c := range map[string]struct {
		figures []int // seconds, at each question
		want    int
		asked   int
	}{
		"at rest":              {[]int{4, 5}, 5, 1},
		"counted in between":   {[]int{3, 4, 5}, 5, 2},
		"counted all the time": {[]int{2, 4, 6}, 6, 2},
	} {
		asked := 0
		source := top.Ask(func(context.Context) (figures.Figures, error) {
			f, _ := director(c.figures[0])
			c.figures = c.figures[1:]
			return f, nil
		}, func(context.Context) ([]control.Service, error) {
			asked++
			_, s := director(0)
			return s, nil
		})
		want, _ := director(c.want)
		f, s, err := source(t.Context())
		if asked != c.asked || err != nil || !f.At.Equal(want.At) || len(s) != 3 {
			t.Errorf("%s: asked %d times, figures of %v, %d services, %v", name, asked, f.At, len(s), err)
		}
	}
}

func TestAsk_FailsIfOneFails(t *testing.T) {
	gone := errors.New("gone")
	fine := func(context.Context) (figures.Figures, error) { return figures.Figures{}, nil }
	for _, source := range []top.Source{
		top.Ask(func(context.Context) (figures.Figures, error) { return figures.Figures{}, gone }, nil),
		top.Ask(fine, func(context.Context) ([]control.Service, error) { return nil, gone }),
	} {
		if _, _, err := source(t.Context()); !errors.Is(err, gone) {
			t.Errorf("got %v, want %v", err, gone)
		}
	}
}
