package ipvsadm

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"director/control"
)

// pipeSize is how much of -R's input is read ahead: what a pipe holds (pipe(7)).
const pipeSize = 64 << 10

// restore carries out the lines that it reads and returns the code of the last
// one. A mistake that ipvsadm finds, a listing that fails, -h and -v end it; what
// the kernel refuses does not. Changes that have come are made together, because
// each one by itself has everything follow it; whoever types or writes line by
// line still sees each line done at once.
func (s *Shell) restore() (code int) {
	in := bufio.NewReaderSize(s.In, pipeSize)
	var changes []Command
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
		if err == nil && c.Verb == Restore {
			err = noCommand(words[0])
		}
		if _, ok := opOf(c); ok && err == nil {
			changes = append(changes, c)
			continue
		}
		flush()
		if e := (*Error)(nil); errors.As(err, &e) {
			fmt.Fprintln(s.Err, e.Line)
			if code = e.Code; e.goesOn {
				continue
			}
			return code
		}
		code = s.Execute(c)
		if c.Verb == Help || c.Verb == Version || c.Verb == List && code != 0 {
			return code
		}
	}
}

// wordsOf splits a line, without its comment and the program's name.
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

// opOf is the change of services that c asks for, and ok whether it does ask for
// one that may be made with others.
func opOf(c Command) (o control.Op, ok bool) {
	kind, ok := map[Verb]control.OpKind{
		AddService: control.AddService, EditService: control.EditService, DeleteService: control.DeleteService,
		AddServer: control.AddServer, EditServer: control.EditServer, DeleteServer: control.DeleteServer,
	}[c.Verb]
	return control.Op{Kind: kind, Service: c.Service, Server: c.Server}, ok && c.Refused == nil
}

// makeAll makes changes in their order and returns the exit code of the last one.
// Those before one that is refused are made together, and so are those after it;
// if many are refused, few are tried at a time.
func (s *Shell) makeAll(changes []Command) (code int) {
	for size := len(changes); len(changes) > 0; {
		n := min(size, len(changes))
		if n == 1 { // it may be refused, and then says why
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
