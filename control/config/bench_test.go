package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads a hundred thousand servers, for the first time and again.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("--interface=eth0\n")
	for i := range 10_000 {
		vip := fmt.Sprintf("10.100.%d.%d:80", i>>8, i&255)
		fmt.Fprintf(&text, "-A -t %s -s rr\n", vip)
		for j := range 10 {
			n := i*10 + j
			fmt.Fprintf(&text, "-a -t %s -r 10.0.0.%d:%d -m -w 1\n", vip, 1+n%200, 1024+n/200)
		}
	}
	read := func(b *testing.B, s *Source) {
		if _, err := s.Parse(strings.NewReader(text.String())); err != nil {
			b.Fatal(err)
		}
	}
	args := []string{"--flagfile=-"}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			read(b, NewSource(args))
		}
	})
	b.Run("again", func(b *testing.B) {
		s := NewSource(args)
		read(b, s)
		for b.Loop() {
			read(b, s)
		}
	})
}
