package report

import (
	"fmt"
	"image/color"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/lucasb-eyer/go-colorful"
)

// ink is a colour, named by its CSS variable, because the reader's theme determines
// how it looks. As a color.Color it is a number, which themed replaces by the
// variable.
type ink string

// The colours of the page that do not belong to setups.
const (
	text    ink = "text"
	soft    ink = "soft"
	line    ink = "line"
	card    ink = "card"
	warn    ink = "warn"
	theirs  ink = "paper" // of the paper's curves
	user    ink = "user"
	system  ink = "system"
	softirq ink = "softirq"
	idle    ink = "idle"
)

// hue is a hue of OKLCH. Its lightness is perceptual, so shades of all hues have
// the same contrast.
type hue struct {
	name          string
	angle, chroma float64
}

// hues are the hues of setups: the balancers and methods, and the workloads and
// servers' software that are compared on one of them.
var hues = []hue{
	{"direct", 0, 0}, {"forward", 75, 0.05},
	{"nat", 50, 0.15}, {"dr", 258, 0.15}, {"tun", 150, 0.13},
	{"haproxy", 310, 0.17}, {"nginx", 110, 0.12}, {"nft", 20, 0.18}, {"ipvs", 200, 0.10}, {"other", 345, 0.14},
	{"keepalive", 195, 0.11}, {"tls", 285, 0.14}, {"sizes", 350, 0.17}, {"service", 85, 0.13},
	{"apache2", 30, 0.17},
}

// shades are the lightness values of the shades, on a light and on a dark
// background. The lightness is lowest for the most servers.
var shades = [2][3]float64{{0.65, 0.56, 0.43}, {0.88, 0.77, 0.66}}

// shade returns a shade of the hue.
func (h hue) shade(i int) ink { return ink(fmt.Sprintf("%s-%d", h.name, i)) }

// inks contains all colours, in the order of their numbers.
var inks = func() []ink {
	all := []ink{text, soft, line, card, warn, theirs, user, system, softirq, idle}
	for _, h := range hues {
		for i := range shades[0] {
			all = append(all, h.shade(i))
		}
	}
	return all
}()

// mark is the first two bytes of the number of every ink.
const mark = "FE01"

// RGBA implements [color.Color].
func (i ink) RGBA() (r, g, b, a uint32) {
	return color.NRGBA{R: 0xFE, G: 0x01, B: uint8(slices.Index(inks, i)), A: 0xFF}.RGBA()
}

var numbers = regexp.MustCompile("#" + mark + "([0-9A-F]{2})")

// themed replaces the numbers of inks by their CSS variables.
func themed(svg string) string {
	return numbers.ReplaceAllStringFunc(svg, func(number string) string {
		n, err := strconv.ParseUint(number[1+len(mark):], 16, 8)
		if err != nil || int(n) >= len(inks) {
			return number
		}
		return "var(--" + string(inks[n]) + ")"
	})
}

// variables returns the CSS variables of the setups' colours for the light or the
// dark theme.
func variables(dark bool) string {
	theme := 0
	if dark {
		theme = 1
	}
	var b strings.Builder
	for _, h := range hues {
		for i, l := range shades[theme] {
			fmt.Fprintf(&b, "--%s: %s; ", h.shade(i), colorful.OkLch(l, h.chroma, h.angle).Clamped().Hex())
		}
	}
	return strings.TrimSpace(b.String())
}
