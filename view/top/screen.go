package top

import (
	"context"
	"errors"
	"fmt"

	"github.com/gdamore/tcell/v3"
	"github.com/gdamore/tcell/v3/color"
)

// Show uses the terminal of standard input and output until the operator quits or ctx
// ends. Then it restores the terminal.
func Show(ctx context.Context, o Options) error {
	// Terminals are not asked for their abilities. Nothing here depends on them, and
	// a serial line does not answer, which would cost a second.
	tty, err := tcell.NewStdIoTty()
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	screen, err := tcell.NewTerminfoScreenFromTty(tty, tcell.OptNegotiation(false))
	if err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	return show(ctx, screen, o)
}

// show is Show for any screen. It initialises the screen and ends it.
func show(ctx context.Context, screen tcell.Screen, o Options) error {
	if err := screen.Init(); err != nil {
		return fmt.Errorf("terminal: %w", err)
	}
	defer screen.Fini()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	m := newModel(o.Interval)
	replies := o.ask(ctx)
	for {
		draw(screen, m)
		select {
		case <-ctx.Done():
			return nil
		case r, open := <-replies:
			if !open {
				return nil
			}
			m.answer(r.sample, r.err, r.at)
		case e := <-screen.EventQ():
			switch e := e.(type) {
			case *tcell.EventKey:
				if m.key(keyName(e)) {
					return nil
				}
				if e.Key() == tcell.KeyCtrlL {
					screen.Sync()
				}
			case *tcell.EventResize:
				screen.Sync()
			case *tcell.EventError:
				return errors.Join(errors.New("terminal"), e)
			}
		}
	}
}

var keyNames = map[tcell.Key]string{
	tcell.KeyUp: "up", tcell.KeyDown: "down", tcell.KeyPgUp: "pgup", tcell.KeyPgDn: "pgdn",
	tcell.KeyHome: "home", tcell.KeyEnd: "end", tcell.KeyTab: "tab", tcell.KeyEsc: "esc",
	tcell.KeyEnter: "enter", tcell.KeyBackspace: "backspace", tcell.KeyCtrlC: "ctrl-c",
}

// keyName returns the model's name of a key, "" if the model does not use it.
func keyName(e *tcell.EventKey) string {
	if e.Key() == tcell.KeyRune && e.Modifiers()&^tcell.ModShift == 0 {
		return e.Str()
	}
	return keyNames[e.Key()]
}

// looks are the colours and attributes of the styles. With NO_COLOR, or on a terminal
// without colours, only the attributes are used.
var looks = [...]tcell.Style{
	normal:  tcell.StyleDefault,
	strong:  tcell.StyleDefault.Bold(true),
	faint:   tcell.StyleDefault.Dim(true),
	header:  tcell.StyleDefault.Reverse(true),
	warning: tcell.StyleDefault.Foreground(color.Olive),
	alarm:   tcell.StyleDefault.Foreground(color.Maroon).Bold(true),
}

func draw(screen tcell.Screen, m *model) {
	m.width, m.height = screen.Size()
	screen.Clear()
	for y, l := range m.screen() {
		x := 0
		for _, s := range l {
			look := looks[s.style]
			if m.fault != nil && s.style != alarm {
				look = looks[faint]
			}
			screen.PutStrStyled(x, y, s.text, look)
			x += len(s.text)
		}
	}
	screen.Show()
}
