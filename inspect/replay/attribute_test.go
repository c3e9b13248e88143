package replay_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// These are the kinds of attributes. Set of each kind reads what String prints.

type number uint64

func (n *number) String() string { return strconv.FormatUint(uint64(*n), 10) }
func (n *number) Set(s string) error {
	v, err := strconv.ParseUint(s, 0, 32)
	*n = number(v)
	return err
}

type hexNumber uint64

func (n *hexNumber) String() string { return fmt.Sprintf("%#x", uint64(*n)) }
func (n *hexNumber) Set(s string) error {
	return (*number)(n).Set(s)
}

type hexBytes []byte

func (b *hexBytes) String() string { return hex.EncodeToString(*b) }
func (b *hexBytes) Set(s string) error {
	v, err := hex.DecodeString(s)
	if err == nil && len(v)%4 != 0 {
		err = fmt.Errorf("%d bytes of options: want a multiple of 4", len(v))
	}
	*b = v
	return err
}

type raw []byte

func (b *raw) String() string { return hex.EncodeToString(*b) }
func (b *raw) Set(s string) (err error) {
	*b, err = hex.DecodeString(s)
	return err
}

// text is a payload as a quoted string.
type text string

func (t *text) String() string { return strconv.Quote(string(*t)) }
func (t *text) Set(s string) error {
	v, err := strconv.Unquote(s)
	*t = text(v)
	return err
}

type toggle bool

func (t *toggle) String() string { return strconv.FormatBool(bool(*t)) }
func (t *toggle) Set(s string) error {
	if s != "" {
		return errors.New("takes no value")
	}
	*t = true
	return nil
}

// fragment is a part of a datagram: length bytes from offset, counted after the IP
// header. The line sets more fragments with a plus. Without it, the part is the last one
// if it reaches the end of the described datagram.
type fragment struct {
	offset, length int
	more           bool
}

func (f *fragment) String() string {
	if *f == (fragment{}) {
		return ""
	}
	s := fmt.Sprintf("%d/%d", f.offset, f.length)
	if f.more {
		s += "+"
	}
	return s
}

func (f *fragment) Set(s string) error {
	s, f.more = strings.CutSuffix(s, "+")
	n, err := fmt.Sscanf(s, "%d/%d", &f.offset, &f.length)
	if err != nil || n != 2 || f.offset%8 != 0 || f.offset < 0 || f.length < 0 {
		return errors.New("want frag=OFFSET/LENGTH, the offset a multiple of 8")
	}
	return nil
}

// checksum is the value of the transport's checksum, if the line gives one.
type checksum struct {
	given bool
	value uint32
}

func (c *checksum) String() string {
	if !c.given {
		return ""
	}
	return fmt.Sprintf("%#x", c.value)
}

func (c *checksum) Set(s string) error {
	v, err := strconv.ParseUint(s, 0, 32)
	*c = checksum{true, uint32(v)}
	return err
}

// ends is the source and the destination of a packet, SOURCE>DESTINATION.
type ends struct{ src, dst netip.AddrPort }

func (e *ends) String() string {
	if !e.src.IsValid() {
		return ""
	}
	return e.src.String() + ">" + e.dst.String()
}

func (e *ends) Set(s string) error {
	src, dst, _ := strings.Cut(s, ">")
	var err error
	if e.src, err = netip.ParseAddrPort(src); err == nil {
		e.dst, err = netip.ParseAddrPort(dst)
	}
	return err
}
