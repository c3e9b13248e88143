package ipvsadm

import (
	"bufio"
	"errors"
	"fmt"
	"strings"
)

// restore carries out the lines that it reads and returns the code of the last
// one. A mistake that ipvsadm finds, a listing that fails, -h and -v end it; what
// the kernel refuses does not.
func (s *Shell) restore() (code int) {
	in := bufio.NewReader(s.In)
	for {
		text, err := in.ReadString('\n')
		if text == "" && err != nil {
			return code
		}
		words := strings.Fields(text)
		for i, word := range words {
			if strings.HasPrefix(word, "#") {
				words = words[:i]
				break
			}
		}
		if len(words) > 0 && words[0] == "ipvsadm" {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		var ends bool
		if code, ends = s.line(words); ends {
			return code
		}
	}
}

func (s *Shell) line(words []string) (code int, ends bool) {
	c, err := Parse(words, s.Resolver)
	if err == nil && c.Verb == Restore {
		err = noCommand(words[0])
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		fmt.Fprintln(s.Err, e.Line)
		return e.Code, !e.goesOn
	}
	code = s.Execute(c)
	return code, c.Verb == Help || c.Verb == Version || c.Verb == List && code != 0
}
