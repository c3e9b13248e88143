package docs_test

import (
	"strings"
	"testing"

	"director/docs"
	"director/packet"
)

func TestReasons_AreAllExplained(t *testing.T) {
	all := docs.Reasons()
	for r := packet.None + 1; r < packet.Reasons; r++ {
		text, ok := all[r.String()]
		if !ok || text.Dropped == "" && text.Left == "" {
			t.Errorf("drops.md does not explain %v", r)
		}
		delete(all, r.String())
	}
	for name, text := range all {
		t.Errorf("drops.md explains %q, which is no reason: %+v", name, text)
	}
}

func TestReasons_AreTheTextsOfThePage(t *testing.T) {
	all := docs.Reasons()
	if got := all["ttl"]; !strings.HasPrefix(got.Dropped, "the packet's time to live") || got.Left != "" {
		t.Errorf("ttl: %+v", got)
	}
	if got := all["not-for-us"]; got.Dropped != "" || !strings.HasPrefix(got.Left, "the Ethernet destination") {
		t.Errorf("not-for-us: %+v", got)
	}
	if got := all["no-route"].Dropped; !strings.HasSuffix(got, "an interface that --interface does not name") {
		t.Errorf("no-route, without marks of code: %q", got)
	}
}
