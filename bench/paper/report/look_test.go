package report

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/lucasb-eyer/go-colorful"

	"director/bench/paper"
)

// The curves of a figure can be distinguished without their shades: by hue, dots or
// dashes.
func TestLook_TellsCurvesOfAFigureApart(t *testing.T) {
	for workers := 1; workers <= 8; workers++ {
		run := paper.Run{Workers: workers, Cap: 1600, Ceiling: 10000, Quota: 0.1}
		for _, f := range paper.Figures(&run) {
			if f.Kind != paper.Rates && f.Kind != paper.Emulation {
				continue
			}
			seen := make(map[string]paper.Curve)
			for _, c := range f.Curves {
				l := lookOf(c.Setup)
				hue, _, _ := strings.Cut(string(l.colour), "-")
				looks := fmt.Sprint(hue, l.sides, l.corner, l.hollow, l.dashes)
				if other, there := seen[looks]; there && other.Setup != c.Setup {
					t.Errorf("%d workers, %s: %q and %q look alike", workers, f.ID, other.Label, c.Label)
				}
				seen[looks] = c
			}
		}
	}
}

// Every colour of a curve has enough contrast to the background (WCAG 2.2 §1.4.11),
// in the light and the dark theme.
func TestHues_HaveContrast(t *testing.T) {
	css, err := assets.ReadFile("assets/report.css")
	if err != nil {
		t.Fatal(err)
	}
	grounds := regexp.MustCompile(`--card: (#[0-9a-f]{6});`).FindAllStringSubmatch(string(css), -1)
	if len(grounds) != 2 {
		t.Fatalf("%d grounds, want a light and a dark one", len(grounds))
	}
	for i, ground := range grounds {
		for _, c := range regexp.MustCompile(`--([a-z]+-\d): (#[0-9a-f]{6});`).FindAllStringSubmatch(variables(i == 1), -1) {
			a, b := luminance(t, ground[1]), luminance(t, c[2])
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 3 {
				t.Errorf("%s: %s on %s has a contrast of %.2f, want 3", [...]string{"light", "dark"}[i], c[1], ground[1], ratio)
			}
		}
	}
}

func luminance(t *testing.T, hex string) float64 {
	t.Helper()
	c, err := colorful.Hex(hex)
	if err != nil {
		t.Fatal(err)
	}
	r, g, b := c.LinearRgb()
	return 0.2126*r + 0.7152*g + 0.0722*b
}

// themed replaces an ink's number by its variable, and changes no other colour.
func TestThemed_NamesEveryInk(t *testing.T) {
	for _, i := range inks {
		r, g, b, _ := i.RGBA()
		number := fmt.Sprintf("fill:#%02X%02X%02X", r>>8, g>>8, b>>8)
		if got, want := themed(number), "fill:var(--"+string(i)+")"; got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
	if got := themed("#FE01FF #00FE01"); got != "#FE01FF #00FE01" {
		t.Errorf("other colours become %s", got)
	}
}

func TestNumber_IsShort(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 1: "1", 3.504: "3.50", 0.123: "0.12", 0.0123: "0.0123", 0.08: "0.08", 0.00001: "0", -0.00001: "0", 12.34: "12.3", 123.4: "123", 1234.5: "1,234", 1234567: "1,234,567", -1500: "−1,500",
	} {
		if got := number(v); got != want {
			t.Errorf("%v: %q, want %q", v, got, want)
		}
	}
}
