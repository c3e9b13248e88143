package top

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// style is how a span looks on a terminal with colours or attributes. It never carries
// information that the text does not have.
type style uint8

const (
	normal style = iota
	strong       // a service, or the value of a heading
	faint        // old information
	header       // of a table
	warning
	alarm
)

// span is text of one style. The text is printable ASCII: see clean.
type span struct {
	text  string
	style style
}

// line is one line of the screen, without its end.
type line []span

func (l line) String() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.text)
	}
	return strings.TrimRight(b.String(), " ")
}

// within shortens a line to a width.
func (l line) within(width int) line {
	for i, s := range l {
		if len(s.text) > width {
			return append(l[:i:i], span{cut(s.text, width), s.style})
		}
		width -= len(s.text)
	}
	return l
}

// text is a line of one style.
func text(st style, format string, args ...any) line { return line{{fmt.Sprintf(format, args...), st}} }

// clean makes text from other sources (an error, an interface's name) harmless to a
// terminal. It replaces everything except printable ASCII by question marks.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// cut shortens text to width. A tilde at the end marks shortened text.
func cut(s string, width int) string {
	if len(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	return s[:width-1] + "~"
}

// units of large numbers, powers of 1000.
const units = "kMGTPE"

// short writes a number that is not negative in at most five characters.
func short(v float64) string {
	if v < 9.95 && v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	if v < 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	unit := 0
	for v /= 1000; v >= 999.5 && unit < len(units)-1; v /= 1000 {
		unit++
	}
	decimals := 2
	switch {
	case v >= 99.95:
		decimals = 0
	case v >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64) + units[unit:unit+1]
}

func (r rate) String() string {
	if math.IsNaN(float64(r)) {
		return "-"
	}
	return short(float64(r))
}

// mean writes the mean number of frames in a batch, NaN if there was none.
func mean(frames float64) string {
	if math.IsNaN(frames) {
		return "-"
	}
	return strconv.FormatFloat(frames, 'f', 1, 64)
}

// count writes a number exactly while it has at most five digits.
func count(n uint64) string {
	if n < 100_000 {
		return strconv.FormatUint(n, 10)
	}
	return short(float64(n))
}

// percent writes a part of 1, NaN if it is not known.
func percent(part float64) string {
	if math.IsNaN(part) {
		return "-"
	}
	return strconv.FormatFloat(100*part, 'f', 1, 64) + "%"
}

// elapsed writes a duration in days, hours, minutes and seconds.
func elapsed(d time.Duration) string {
	s := int(d.Seconds())
	clock := fmt.Sprintf("%02d:%02d:%02d", s/3600%24, s/60%60, s%60)
	if days := s / 86400; days > 0 {
		return fmt.Sprintf("%dd %s", days, clock)
	}
	return clock
}
