package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"

	"director/bench/figure"
	"director/bench/paper"
)

//go:embed assets/report.html assets/report.css
var assets embed.FS

var page = template.Must(template.New("report.html").Funcs(template.FuncMap{
	"style": func() (template.CSS, error) {
		text, err := assets.ReadFile("assets/report.css")
		return template.CSS(text), err //nolint:gosec // our own
	},
	"colours":  func(dark bool) template.CSS { return template.CSS(variables(dark)) }, //nolint:gosec // our own
	"ratio":    ratio,
	"measured": measured,
	"short":    short,
	"rest":     func(head, row []string) int { return max(1, len(head)-len(row)+1) },
	"named":    func(id string) string { return strings.Replace(id, "fig", "Figure ", 1) },
}).ParseFS(assets, "assets/report.html"))

// view is the data of the template.
type view struct {
	Run           *paper.Run
	Left          int // rows of the data that are left out
	When          string
	Tiles         []tile
	Claims        []figure.Figure
	Features, Bed table
	Matrix        table
	Capacity      table
	Peers         table
	Versions      table
	Price         table
	Groups        []group
}

// group is a group of figures with a heading.
type group struct {
	Title    string
	Sections []section
}

// ratio formats a claim's value. Ratios need decimals, times do not.
func ratio(v float64) string {
	if math.Abs(v) >= 10 {
		return grouped(v)
	}
	return fixed(v, 2)
}

// Write writes the report of a run, one HTML file. It does not change the data. It
// returns only errors of the writer.
func Write(w io.Writer, d *paper.Data) error {
	d, left := sane(d)
	run := &d.Run
	v := view{
		Run: run, Left: left, Features: features, Bed: bed(run), Matrix: matrix(d), Capacity: capacity(d), Peers: peers(d),
		Versions: versions(run), Price: price(d),
		Claims: claims(d), Groups: []group{{Title: "The paper's figures"}, {Title: "Beyond the paper"}},
	}
	v.Tiles = tiles(d, v.Claims)
	if !run.Begun.IsZero() {
		v.When = run.Begun.UTC().Format("2 January 2006, 15:04 UTC")
	}
	for _, f := range paper.Figures(run) {
		g := &v.Groups[1]
		if strings.HasPrefix(f.ID, "fig") {
			g = &v.Groups[0]
		}
		g.Sections = append(g.Sections, sectionOf(d, &f))
	}
	var b bytes.Buffer
	if err := page.Execute(&b, &v); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err := b.WriteTo(w)
	return err
}
