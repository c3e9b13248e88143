package ipvsadm

import (
	"bytes"
	"io"

	"director/control"
	"director/service"
)

// part is the part of a listing that is about one service. There may be ten thousand
// services with a hundred thousand servers, whose text takes a tenth of their memory. So a
// service is printed as it arrives, and then the parts are sorted.
type part struct {
	key  service.Key
	text []byte
}

// parts returns what print prints of each service. With sorted the services and their
// servers are in the order of ipvsadm, otherwise in the order of adding.
func (s *Shell) parts(counts, sorted bool, print func(io.Writer, *control.Service)) (all []part, err error) {
	var order control.Sorter
	var b bytes.Buffer
	err = s.Director.EachService(counts, func(each *control.Service) error {
		listed := *each
		if sorted {
			listed.Servers = order.Servers(each.Servers)
		}
		b.Reset()
		print(&b, &listed)
		all = append(all, part{each.Key, bytes.Clone(b.Bytes())})
		return nil
	})
	if sorted {
		all = control.ByKey(&order, all, func(p *part) *service.Key { return &p.key })
	}
	return all, err
}

func writeParts(w io.Writer, all []part) {
	for i := range all {
		_, _ = w.Write(all[i].text) // like all text of a listing
	}
}
