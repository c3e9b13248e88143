//go:build linux

package lab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// startNFT configures the kernel to rewrite the destination to one of the servers.
// The rules disappear with the namespace.
func startNFT(ctx context.Context, b *bench, n *network, p placement) (*running, error) {
	rules := fmt.Sprintf(`table ip lab {
	chain prerouting {
		type nat hook prerouting priority dstnat;
		ip daddr %s dnat to %s
	}
}
`, virtual, servers[0])
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(rules), &said, &said
	err := n.director.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return nil, fmt.Errorf("nft -f: %w: %s", err, bytes.TrimSpace(said.Bytes()))
	}
	return startForward(ctx, b, n, p)
}

// lacksNFT returns why nftables cannot run here. The limit of conntrack is a
// setting of the machine, not of a namespace.
func lacksNFT() string {
	if _, err := exec.LookPath("nft"); err != nil {
		return "nft is not installed"
	}
	const limit = "/proc/sys/net/netfilter/nf_conntrack_max"
	text, err := os.ReadFile(limit)
	if err != nil {
		return "" // conntrack is not loaded yet
	}
	if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n < 2*manyFlows {
		return fmt.Sprintf("net.netfilter.nf_conntrack_max is %d: it must be well above %d flows", n, manyFlows)
	}
	return ""
}
