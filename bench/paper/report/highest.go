package report

import (
	"fmt"
	"strings"

	"director/bench/paper"
)

// published contains the rows of the paper's own tables, as printed.
var published = map[string]table{
	"fig15": {
		Caption: "The paper's figure 15",
		Head:    []string{"", "offered/s", "replies/s", "network I/O"},
		Rows: [][]string{
			{"Direct", "4,340", "3,962.93", "3.8"},
			{"2.2 NAT, 1 CPU, 4 servers", "4,340", "4,270.00", "4.1"},
			{"2.2 DR, 4 CPUs, 4 servers", "9,240", "8,072.30", "7.7"},
			{"2.4 DR, 4 CPUs, 4 servers", "14,140", "13,019.30", "12.5"},
		},
		Note: "The paper calls its last column Mb/s. At 916 bytes per reply, 3,963 replies are 3.6 million bytes, so the unit is megabytes.",
	},
	"fig16": {
		Caption: "The paper's figure 16: 1 CPU, % of each machine",
		Head:    []string{"", "offered/s", "director: system", "idle"},
		Rows: [][]string{
			{"1 server (itself 18.66 % idle)", "4,200", "11.04", "85.04"},
			{"2 servers", "7,000", "50.92", "49.08"}, {"4 servers", "7,000", "54.14", "45.83"},
		},
	},
	"fig17": {
		Caption: "The paper's figure 17: 2 CPUs, % of each machine",
		Head:    []string{"", "offered/s", "director: system", "idle"},
		Rows:    [][]string{{"2 servers", "7,700", "47.84", "52.11"}, {"4 servers", "7,700", "63.08", "36.92"}},
	},
	"fig18": {
		Caption: "The paper's figure 18: 4 CPUs, % of each machine",
		Head:    []string{"", "offered/s", "director: system", "idle"},
		Rows:    [][]string{{"2 servers", "7,000", "27.11", "72.89"}, {"4 servers", "14,000", "61.08", "38.86"}},
	},
	"fig19": {
		Caption: "The paper's figure 19: the network card's interrupt line",
		Head:    []string{"", "shared with SCSI: replies/s", "its own: replies/s"},
		Rows:    [][]string{{"2 servers", "6,600", "7,400"}, {"4 servers", "7,200", "8,300"}},
	},
	"fig20": {
		Caption: "The paper's figure 20: NAT at 0.01 % errors",
		Head:    []string{"", "connections/s", "replies/s", "response time"},
		Rows:    [][]string{{"NAT", "3,640", "3,639.77", "2.11 ms"}},
	},
}

// theirTable adds the paper's own table, if there is one.
func (s *section) theirTable() {
	if t, ok := published[s.ID]; ok {
		s.Tables = append(s.Tables, t)
	}
}

// highest makes the section of the highest sustained rates: bars, and the table of
// the paper's figure 15.
func (s *section) highest(f *paper.Figure, curves []curve) {
	b := bars{label: f.Title}
	t := table{
		Caption: "Measured",
		Head:    []string{"", "offered/s", "replies/s", "Mb/s", "errors %", "p50 ms", "p99 ms"},
	}
	var said, never []string
	for _, c := range curves {
		d, ok := f.Sustained(c.dots)
		if !ok {
			never = append(never, c.Label)
			continue
		}
		value := fmt.Sprintf("%s replies/s, %s Mb/s", grouped(d.Rate.Median), number(d.Bits.Median/1e6))
		b.rows = append(b.rows, bar{
			Label: c.Label, Value: value, Parts: []part{{d.Rate.Median, lookOf(c.Setup).colour}}, Span: spanOf(d.Rate, 1),
		})
		offered := grouped(d.Offered)
		if f.Closed {
			offered = "–"
		}
		t.Rows = append(t.Rows, []string{
			c.Label, offered, plusMinus(d.Rate.Median, d.Rate.Off()), number(d.Bits.Median / 1e6), number(100 * d.Errors.Median),
			milliseconds(d.P50), milliseconds(d.P99),
		})
		said = append(said, c.Label+" "+value)
	}
	if len(never) > 0 {
		s.Missing = append(s.Missing, strings.Join(never, "; ")+": no offered rate was sustained")
	}
	if len(b.rows) > 0 {
		s.Plots = []drawing{{SVG: b.draw()}}
		s.Thumbnail = b.thumbnail()
		s.Caption = "At the highest sustained rate: " + strings.Join(said, "; ") + "."
		s.Tables = append(s.Tables, t)
	}
	s.theirTable()
}
