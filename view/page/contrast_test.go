package page_test

import (
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Each text colour has the contrast of WCAG 2.2 §1.4.3 (AA) on each of its background
// colours, in the light and in the dark theme.
func TestColours_HaveContrast(t *testing.T) {
	css, err := os.ReadFile("assets/page.css")
	if err != nil {
		t.Fatal(err)
	}
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(string(css), -1)
	if len(themes) != 2 {
		t.Fatalf("%d sets of colours, want a light and a dark one", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]float64{}
		for _, c := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]+);`).FindAllStringSubmatch(theme[1], -1) {
			colours[c[1]] = luminance(t, c[2])
		}
		for _, back := range strings.Fields("back card head bad-back warn-back mild-back") {
			for _, text := range strings.Fields("text soft in out good warn bad mild") {
				a, b := colours[text], colours[back]
				if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 || math.IsNaN(ratio) {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 4.5", [...]string{"light", "dark"}[i], text, back, ratio)
				}
			}
		}
	}
}

// luminance returns the luminance of a colour as WCAG defines it.
func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	if len(hex) == 3 {
		hex = fmt.Sprintf("%c%c%c%c%c%c", hex[0], hex[0], hex[1], hex[1], hex[2], hex[2])
	}
	var sum float64
	for i, weight := range [...]float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
