package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"director/internal/files"
	"director/service"
)

// maxConns is the largest hash table that IPVS allows (2^27, conn_tab_bits).
const maxConns = 1 << 27

// choice is one of the given words.
func choice[T ~string](p *T, words ...T) value {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	kind := strings.Join(all, "|")
	return value{
		kind: kind,
		set: func(s string) error {
			if !slices.Contains(all, s) {
				return fmt.Errorf("want %s", kind)
			}
			*p = T(s)
			return nil
		},
		get: func() []string { return []string{string(*p)} },
	}
}

// word is any text. kind is its name in the help text.
func word(p *string, kind string) value {
	return value{
		kind: kind,
		set:  func(s string) error { *p = s; return nil },
		get:  func() []string { return []string{*p} },
	}
}

// level is the name of a zerolog level that is useful as a threshold.
func level(p *zerolog.Level) value {
	name := p.String()
	v := choice(&name, "trace", "debug", "info", "warn", "error")
	check := v.set
	v.set = func(s string) error {
		if err := check(s); err != nil {
			return err
		}
		var err error
		*p, err = zerolog.ParseLevel(s)
		return err
	}
	return v
}

// file is the name of a file, empty for none.
func file(p *string) value {
	return value{
		kind: "FILE",
		set:  func(s string) error { return named(p, s) },
		get: func() []string {
			if *p == "" {
				return nil
			}
			return []string{*p}
		},
	}
}

// socket is the name of a socket, empty for none.
func socket(p *string) value {
	return value{
		kind: "PATH",
		set: func(s string) error {
			if err := files.CheckSocket(s); err != nil {
				return err
			}
			return named(p, s)
		},
		get: func() []string { return []string{*p} },
	}
}

// named sets a name. It refuses names that cannot be written in a flags file.
func named(p *string, s string) error {
	if s != strings.TrimSpace(s) || strings.ContainsFunc(s, unicode.IsControl) || uncomment("="+s) != "="+s {
		return errors.New("want a name without leading or trailing white space, control characters, and words that begin with #")
	}
	*p = s
	return nil
}

func boolean(p *bool) value {
	return value{
		kind: "bool",
		set: func(s string) error {
			if s != "true" && s != "false" {
				return errors.New("want true or false")
			}
			*p = s == "true"
			return nil
		},
		get: func() []string { return []string{strconv.FormatBool(*p)} },
	}
}

func number[T int | uint32](p *T, low, high int) value {
	return value{
		kind: "N",
		set: func(s string) error {
			n, err := inRange(s, low, high)
			if err == nil {
				*p = T(n)
			}
			return err
		},
		get: func() []string { return []string{strconv.Itoa(int(*p))} },
	}
}

func milliseconds(p *time.Duration) value {
	return value{
		kind: "MS",
		set: func(s string) error {
			n, err := inRange(s, 0, math.MaxInt32)
			if err == nil {
				*p = time.Duration(n) * time.Millisecond
			}
			return err
		},
		get: func() []string { return []string{strconv.FormatInt(p.Milliseconds(), 10)} },
	}
}

func inRange(s string, low, high int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		return 0, fmt.Errorf("want a number from %d to %d", low, high)
	}
	return n, nil
}

// timeouts is three numbers of seconds. A 0 keeps the present value, as in
// "ipvsadm --set".
func timeouts(p *service.Timeouts) value {
	return value{
		kind: "TCP,TCPFIN,UDP",
		set: func(s string) error {
			words := strings.Split(s, ",")
			if len(words) != 3 {
				return errors.New("want three numbers of seconds, as in 900,120,300")
			}
			var change service.Timeouts
			for i, to := range []*uint32{&change.TCP, &change.TCPFIN, &change.UDP} {
				n, err := inRange(words[i], 0, service.MaxSeconds)
				if err != nil {
					return fmt.Errorf("%q: %w", words[i], err)
				}
				*to = uint32(n)
			}
			p.Set(change)
			return nil
		},
		get: func() []string { return []string{fmt.Sprintf("%d,%d,%d", p.TCP, p.TCPFIN, p.UDP)} },
	}
}
