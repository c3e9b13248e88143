package irq

import (
	"slices"
	"strconv"
	"strings"
)

// notRx are words in the names of interrupts that announce something else than
// received frames: virtio's output and config, mlx5's async, ixgbe's misc.
var notRx = []string{"tx", "output", "async", "misc", "config", "event"}

// rxQueue reads the queue number off the name of an interrupt, such as
// eth0-TxRx-3, ena's eth0-Tx-Rx-3, virtio2-input.3 or mlx5_comp3@pci:0000:3b:00.0,
// unless the name is that of another kind.
func rxQueue(name, ifname string) (int, bool) {
	name, _, _ = strings.Cut(name, "@")
	if bears(name, ifname) { // eth0 alone, without a queue, must not read as 0
		name = strings.Replace(name, ifname, "", 1)
	}
	word := strings.TrimRight(name, "0123456789")
	q, err := strconv.Atoi(name[len(word):])
	if err != nil {
		return 0, false
	}
	word = strings.ToLower(word)
	if strings.Contains(word, "rx") || strings.Contains(word, "input") {
		return q, true
	}
	other := slices.ContainsFunc(notRx, func(w string) bool { return strings.Contains(word, w) })
	return q, !other
}

// bears reports whether ifname is a word of name: eth1 is not one of
// eth10-TxRx-0.
func bears(name, ifname string) bool {
	before, after, found := strings.Cut(name, ifname)
	return found && !endsInWord(before) && (after == "" || !isWord(after[0]))
}

func endsInWord(s string) bool { return s != "" && isWord(s[len(s)-1]) }

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
