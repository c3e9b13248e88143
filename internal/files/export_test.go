package files

import "os"

// SetFlush replaces what waits until a file is on disk.
func (p *Place) SetFlush(flush func(*os.File) error) { p.flush = flush }
