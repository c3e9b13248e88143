package top_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"director/control"
	"director/view/figures"
	"director/view/top"
)

// scripted is a source that gives each of its answers once and then ends the view.
// An answer is a number of seconds, or an error.
func scripted(stop func(), answers ...any) top.Source {
	return func(context.Context) (figures.Figures, []control.Service, error) {
		if len(answers) == 0 {
			stop()
			return figures.Figures{}, nil, errors.New("the end")
		}
		a := answers[0]
		answers = answers[1:]
		if err, is := a.(error); is {
			return figures.Figures{}, nil, err
		}
		f, all := director(a.(int))
		return f, all, nil
	}
}

// firstWords returns the first words of the lines that start blocks or report news.
func firstWords(out string) (words []string) {
	for l := range strings.Lines(out) {
		for _, w := range []string{"director", "NO ANSWER", "the director answers again"} {
			if strings.HasPrefix(l, w) {
				words = append(words, w)
			}
		}
	}
	return words
}

func TestPrint_SaysThatTheDirectorWentAndCameBack(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	gone := errors.New("gone")
	var out bytes.Buffer
	err := top.Print(ctx, &out, top.Options{
		Source: scripted(stop, 0, 2, gone, gone, gone, 8, 10, 12, 14), Interval: time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(firstWords(strings.ReplaceAll(out.String(), "NO ANSWER since", "NO ANSWER  since")), ", ")
	want := "director, director, NO ANSWER, director, the director answers again" +
		", director, the director answers again, director, the director answers again, director"
	if !strings.HasPrefix(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.ContainsRune(out.String(), '\x1b') {
		t.Error("an escape code")
	}
}

func TestPrint_EndsWhenItCannotWrite(t *testing.T) {
	o := top.Options{Source: scripted(func() {}, 0), Interval: time.Millisecond}
	if err := top.Print(t.Context(), full{}, o); !errors.Is(err, errFull) {
		t.Errorf("got %v, want %v", err, errFull)
	}
}

var errFull = errors.New("no space left on device")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestPrintOnce_PrintsOneBlockOverOneInterval(t *testing.T) {
	var out bytes.Buffer
	err := top.PrintOnce(t.Context(), &out, top.Options{Source: scripted(func() {}, 0, 2, 4), Interval: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	same(t, strings.ReplaceAll(out.String(), "every 2ms", "every 2s"), after(0, 2).Block())
}

func TestPrintOnce_FailsWithoutADirector(t *testing.T) {
	gone := errors.New("gone")
	for _, answers := range [][]any{{gone}, {0, gone}} {
		var out bytes.Buffer
		err := top.PrintOnce(t.Context(), &out, top.Options{Source: scripted(func() {}, answers...), Interval: time.Millisecond})
		if !errors.Is(err, gone) || out.Len() > 0 {
			t.Errorf("got %v and %q, want the error alone", err, &out)
		}
	}
}
