package top

import (
	"context"
	"strings"
	"time"

	"github.com/gdamore/tcell/v3"

	"director/control"
	"director/view/figures"
)

// Model is the view without a terminal.
type Model struct{ *model }

func NewModel(interval time.Duration) Model { return Model{newModel(interval)} }

func (m Model) Answer(f figures.Figures, s []control.Service, err error, at time.Time) {
	m.answer(sample{f, s}, err, at)
}

// Screen returns the text on a screen of the given size, and its number of lines.
func (m Model) Screen(width, height int) (string, int) {
	m.width, m.height = width, height
	lines := m.screen()
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.String() + "\n")
	}
	return b.String(), len(lines)
}

// Alarms returns the text of the lines that are marked by colour.
func (m Model) Alarms() (marked []string) {
	for _, l := range m.screen() {
		for _, s := range l {
			if s.style == warning || s.style == alarm {
				marked = append(marked, strings.Join(strings.Fields(l.String()), " "))
				break
			}
		}
	}
	return marked
}

func (m Model) Keys(keys ...string) (quit bool) {
	for _, k := range keys {
		quit = m.key(k)
	}
	return quit
}

func (m Model) Block() string { return string(m.block()) }

func Short(v float64) string { return short(v) }

func ShowOn(ctx context.Context, s tcell.Screen, o Options) error { return show(ctx, s, o) }
