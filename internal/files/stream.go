package files

import (
	"context"
	"errors"
	"io"
	"os"
)

// ReplaceUntil is like Replace for a file that may take long, but it does not wait for the
// disk after ctx has ended. Then it returns the cause of ctx, and the old file stays, unless
// the new one was complete. An error of check, which may read the old file, keeps that file.
// write is called in the calling goroutine, and its writer fails as soon as ctx has ended. A
// disk that hangs holds up only a goroutine that calls check and waits for the disk.
func (p *Place) ReplaceUntil(ctx context.Context, check func() error, write func(io.Writer) error) error {
	s := &stream{ctx: ctx, pieces: make(chan []byte), spare: make(chan []byte, 1), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		if s.err = check(); s.err != nil {
			return
		}
		f, err := p.replace(s.drain, func() error { return context.Cause(ctx) })
		if err == nil {
			err = f.Close()
		}
		s.err = err
	}()
	err := write(s)
	s.cut = err != nil
	close(s.pieces)
	select {
	case <-s.done:
	case <-ctx.Done():
		select {
		case <-s.done: // both: the file is complete
		default:
			return context.Cause(ctx)
		}
	}
	if err == nil {
		err = s.err
	}
	return err
}

// stream carries what is written to the goroutine that waits for the disk.
type stream struct {
	ctx    context.Context
	pieces chan []byte   // what is to be written, then closed
	spare  chan []byte   // memory of a piece that is written
	cut    bool          // the writer failed; set before pieces is closed
	done   chan struct{} // closed when nothing is written any more
	err    error         // why; set before done is closed
}

// errCut is why a file is not kept that could not be written to its end. The caller knows
// the reason.
var errCut = errors.New("incomplete")

// Write hands over a copy of b.
func (s *stream) Write(b []byte) (int, error) {
	var piece []byte
	select {
	case piece = <-s.spare:
	default:
	}
	select {
	case s.pieces <- append(piece[:0], b...):
		return len(b), nil
	case <-s.done:
		return 0, s.err
	case <-s.ctx.Done():
		return 0, context.Cause(s.ctx)
	}
}

// drain writes the pieces to a file.
func (s *stream) drain(f *os.File) error {
	for piece := range s.pieces {
		if _, err := f.Write(piece); err != nil {
			return err
		}
		select {
		case s.spare <- piece:
		default:
		}
	}
	if s.cut {
		return errCut
	}
	return nil
}
