package top

import (
	"context"
	"time"

	"director/control"
	"director/view/figures"
)

// Source asks a director for its figures and services. It may be asked again after an
// error.
type Source func(context.Context) (figures.Figures, []control.Service, error)

// Ask makes a source of a director that answers one question at a time. The figures are
// read before and after the services. If the services were counted in between, their
// counters would not fit the time of counting, so they are read once more.
func Ask(ask func(context.Context) (figures.Figures, error), list func(context.Context) ([]control.Service, error)) Source {
	return func(ctx context.Context) (f figures.Figures, services []control.Service, err error) {
		if f, err = ask(ctx); err != nil {
			return f, nil, err
		}
		for range 2 {
			counted := f.Counted
			if services, err = list(ctx); err != nil {
				return f, nil, err
			}
			if f, err = ask(ctx); err != nil || f.Counted.Equal(counted) {
				return f, services, err
			}
		}
		return f, services, nil // a slow director: an inexact answer is better than none
	}
}

// Options of a view.
type Options struct {
	Source   Source
	Interval time.Duration // between two questions
}

// patience is the longest time that a director may take to answer.
const patience = 5 * time.Second

// reply is an answer, or the error if there was none.
type reply struct {
	sample
	err error
	at  time.Time
}

// ask asks immediately, and then at each interval until ctx ends. Then it closes the
// channel.
func (o *Options) ask(ctx context.Context) <-chan reply {
	replies := make(chan reply)
	go func() {
		defer close(replies)
		ticker := time.NewTicker(o.Interval)
		defer ticker.Stop()
		for {
			r := o.one(ctx)
			select {
			case replies <- r:
			case <-ctx.Done():
				return
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return replies
}

func (o *Options) one(ctx context.Context) reply {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	f, s, err := o.Source(ctx)
	return reply{sample{f, s}, err, time.Now()}
}
