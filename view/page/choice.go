package page

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// choice is what a reader wants to see. It is part of the page's address, so it survives a
// reload, can be sent to a colleague, and needs no script.
type choice struct {
	sort  string // a column of the table, "-" before it for the other way; "": as ipvsadm lists
	line  string // what lines show: a name of lineNames
	query string // words that a service or server must have
	open  string // "all" or "none" services show their servers; "": all while they are few
	// flipped are the services that do otherwise.
	flipped []string
	from    int // how many services come before the first one that is shown
}

// Limits of an address.
const (
	maxQuery   = 100 // bytes
	maxFlipped = 50
)

var lineNames = [lines]string{lineConns: "conns", linePackets: "packets", lineBytes: "bytes", lineActive: "active"}

var lineTexts = [lines]string{lineConns: "conn/s", linePackets: "packets/s", lineBytes: "bytes/s", lineActive: "active"}

// readChoice reads the choice from an address. It ignores what is not valid.
func readChoice(v url.Values) choice {
	c := choice{line: lineNames[lineConns], query: strings.ToValidUTF8(cut(v.Get("q"), maxQuery), "")}
	if s := v.Get("sort"); columnOf(strings.TrimPrefix(s, "-")) != nil {
		c.sort = s
	}
	if l := v.Get("line"); slices.Contains(lineNames[:], l) {
		c.line = l
	}
	if o := v.Get("open"); o == "all" || o == "none" {
		c.open = o
	}
	if from, err := strconv.Atoi(v.Get("from")); err == nil && from > 0 {
		c.from = from - from%pageful
	}
	for _, id := range append(v["x"], v["flip"]...) {
		if at := slices.Index(c.flipped, id); at >= 0 {
			c.flipped = slices.Delete(c.flipped, at, at+1)
		} else if len(id) <= maxQuery {
			c.flipped = append(c.flipped, id)
		}
	}
	c.flipped = c.flipped[max(0, len(c.flipped)-maxFlipped):]
	return c
}

func cut(s string, length int) string { return s[:min(len(s), length)] }

// link returns the address of the choice after change has been applied.
func (c choice) link(change func(*choice)) string {
	change(&c)
	v := url.Values{}
	for _, pair := range [][2]string{{"sort", c.sort}, {"q", c.query}, {"open", c.open}} {
		if pair[1] != "" {
			v.Set(pair[0], pair[1])
		}
	}
	if c.from > 0 {
		v.Set("from", strconv.Itoa(c.from))
	}
	if c.line != lineNames[lineConns] {
		v.Set("line", c.line)
	}
	if len(c.flipped) > 0 {
		v["x"] = c.flipped
	}
	return "?" + v.Encode()
}

// opens reports whether the service of an id shows its servers, where it would by
// itself.
func (c choice) opens(id string, byItself bool) bool {
	open := byItself
	if c.open != "" {
		open = c.open == "all"
	}
	return open != slices.Contains(c.flipped, id)
}

// finds reports whether text contains each word of the query.
func (c choice) finds(text string) bool {
	for word := range strings.FieldsSeq(strings.ToLower(c.query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
