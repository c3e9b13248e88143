package peer

import (
	"context"
	"fmt"
	"strings"
)

// nft is the kernel's destination NAT. It uses the servers in turn.
type nft struct{}

func (nft) Lacks() string   { return lacks("nft") }
func (nft) Version() string { return firstLine("nft", "--version") }

func (nft) Start(ctx context.Context, s Site) (Running, error) {
	places := make([]string, len(s.Servers))
	for i, a := range s.Servers {
		places[i] = fmt.Sprintf("%d : %s . %d", i, a.Addr(), a.Port())
	}
	rules := fmt.Sprintf(`table ip bench {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		ip daddr %s tcp dport %d dnat ip to numgen inc mod %d map { %s }
	}
}
`, s.Service.Addr(), s.Service.Port(), len(s.Servers), strings.Join(places, ", "))
	if err := do(ctx, s.Host, rules, "nft", "-f", "-"); err != nil {
		return nil, err
	}
	return kernel(func() error { return do(context.Background(), s.Host, "", "nft", "delete", "table", "ip", "bench") }), nil
}

// kernel is a balancer without processes: the function that stops it.
type kernel func() error

func (kernel) PIDs() []int   { return nil }
func (k kernel) Stop() error { return k() }
