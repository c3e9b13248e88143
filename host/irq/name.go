package irq

import (
	"slices"
	"strconv"
	"strings"
)

// notRx are words in the names of interrupts that are not about received frames: output
// and config of virtio, async of mlx5, misc of ixgbe.
var notRx = []string{"tx", "output", "async", "misc", "config", "event"}

// rxQueue returns the queue number in the name of an interrupt, such as eth0-TxRx-3,
// eth0-Tx-Rx-3 (ena), virtio2-input.3 or mlx5_comp3@pci:0000:3b:00.0. It refuses names of
// other kinds.
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

// bears reports whether name contains ifname as a whole word: eth10-TxRx-0 does not
// contain eth1.
func bears(name, ifname string) bool {
	before, after, found := strings.Cut(name, ifname)
	return found && !endsInWord(before) && (after == "" || !isWord(after[0]))
}

func endsInWord(s string) bool { return s != "" && isWord(s[len(s)-1]) }

func isWord(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
