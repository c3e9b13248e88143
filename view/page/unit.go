package page

import (
	"fmt"
	"html/template"
	"math"
	"strconv"
	"strings"
	"time"
)

// nothing is shown for a number that is not known.
const nothing = "–"

// si returns v with three digits and an SI prefix.
func si(v float64) (digits, prefix string) {
	switch {
	case math.IsNaN(v):
		return nothing, ""
	case v <= 0:
		return "0", ""
	case v < 0.05:
		return "<0.1", ""
	case v < 9.95 && v != math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 1, 64), ""
	case v < 999.5:
		return strconv.FormatFloat(v, 'f', 0, 64), ""
	}
	const prefixes = "kMGTPE"
	at := -1
	for v >= 999.5 && at < len(prefixes)-1 {
		v /= 1000
		at++
	}
	decimals := 0
	switch {
	case v < 9.995:
		decimals = 2
	case v < 99.95:
		decimals = 1
	}
	return strconv.FormatFloat(v, 'f', decimals, 64), prefixes[at : at+1]
}

// number formats v with three digits for a column of a table. The prefix has a place of its
// own, so the digits are aligned.
func number(v float64) template.HTML {
	digits, prefix := si(v)
	if digits == "0" {
		return zero + "<i></i>"
	}
	return template.HTML(template.HTMLEscapeString(digits) + "<i>" + prefix + "</i>") // safe: digits and a letter
}

// zero is shown less prominently than other numbers.
const zero template.HTML = `<span class="z">0</span>`

// whole formats n in full for a column of a table.
func whole(n uint64) template.HTML {
	if n == 0 {
		return zero
	}
	return template.HTML(count(n)) // safe: digits and spaces
}

// amount formats v with three digits for running text. The unit follows directly.
func amount(v float64) string {
	digits, prefix := si(v)
	if prefix == "" {
		return digits + " "
	}
	return digits + " " + prefix
}

// count formats n in full, in groups of three digits.
func count(n uint64) string {
	s := strconv.FormatUint(n, 10)
	var b strings.Builder
	for i, digit := range s {
		if i > 0 && (len(s)-i)%3 == 0 {
			b.WriteRune('\u202f') // a narrow space at which lines do not break
		}
		b.WriteRune(digit)
	}
	return b.String()
}

// plural returns n with the singular or the plural of its unit.
func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(uint64(n)) + " " + more
}

// percent returns part in per cent of whole, 0 if whole is 0.
func percent(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * part / whole
}

// lasting formats a duration in its two largest units.
func lasting(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= day:
		return fmt.Sprintf("%d d %d h", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%d s", max(0, d)/time.Second)
}
