package ipvsadm

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"director/control"
	"director/control/rules"
)

// pipeSize is how much of -R's input is read ahead: the capacity of a pipe
// (pipe(7)).
const pipeSize = 64 << 10

// restore carries out the lines of s.In and returns the exit code of the last one.
// It ends at a mistake that ipvsadm itself finds, at a listing that fails, and at
// -h and -v. It goes on after a command that the kernel refuses.
//
// All changes that are waiting to be read are made together, because views,
// steering and VIPs have to follow each change. Input that comes line by line is
// still carried out line by line.
func (s *Shell) restore() (code int) {
	in := bufio.NewReaderSize(s.In, pipeSize)
	var changes []rules.Command
	flush := func() {
		if len(changes) > 0 {
			code = s.makeAll(changes)
			changes = changes[:0]
		}
	}
	for {
		if in.Buffered() == 0 {
			flush()
		}
		text, err := in.ReadString('\n')
		if text == "" && err != nil {
			flush()
			return code
		}
		words := wordsOf(text)
		if len(words) == 0 {
			continue
		}
		c, err := Parse(words, s.Resolver)
		if err == nil && c.Verb == rules.Restore {
			err = errNested
		}
		if _, ok := opOf(c); ok && err == nil {
			changes = append(changes, c)
			continue
		}
		flush()
		if e, ok := errors.AsType[*Error](err); ok {
			fmt.Fprintln(s.Err, e.Line)
			if code = e.Code; e.Err.Kind == rules.Unreadable {
				continue
			}
			return code
		}
		code = s.Execute(c)
		if c.Verb == rules.Help || c.Verb == rules.Version || c.Verb == rules.List && code != 0 {
			return code
		}
	}
}

// wordsOf splits a line into words. It drops a comment and the program's name.
func wordsOf(line string) []string {
	words := strings.Fields(line)
	for i, word := range words {
		if strings.HasPrefix(word, "#") {
			words = words[:i]
			break
		}
	}
	if len(words) > 0 && words[0] == "ipvsadm" {
		words = words[1:]
	}
	return words
}

// opOf returns the change of services that c asks for. ok is false for a command
// that cannot be carried out together with others.
func opOf(c rules.Command) (o control.Op, ok bool) {
	kind, ok := map[rules.Verb]control.OpKind{
		rules.AddService: control.AddService, rules.EditService: control.EditService, rules.DeleteService: control.DeleteService,
		rules.AddServer: control.AddServer, rules.EditServer: control.EditServer, rules.DeleteServer: control.DeleteServer,
	}[c.Verb]
	return control.Op{Kind: kind, Service: c.Service, Server: c.Server}, ok && c.Refused == nil
}

// makeAll makes changes in their order and returns the exit code of the last one.
// It sends them in groups, because a refusal undoes its whole group. After a
// refusal the next group ends before the refused change, which is then made alone
// for its message. Groups grow again while nothing is refused.
func (s *Shell) makeAll(changes []rules.Command) (code int) {
	for size := len(changes); len(changes) > 0; {
		n := min(size, len(changes))
		if n == 1 { // if it is refused, print why
			if code = s.Execute(changes[0]); code == 0 {
				size = 2
			}
			changes = changes[1:]
			continue
		}
		ops := make([]control.Op, n)
		for i := range ops {
			ops[i], _ = opOf(changes[i])
		}
		err := s.Director.Apply(ops...)
		if err == nil {
			code, changes, size = 0, changes[n:], 2*n
			continue
		}
		size = 1
		if refused, ok := errors.AsType[*control.OpError](err); ok {
			size = max(1, refused.At)
		}
	}
	return code
}
