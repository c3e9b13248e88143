package daemon

import (
	"path/filepath"

	"director/control/config"
	"director/host/privilege"
)

// confine restricts the process to what a running director needs. It runs last of what the
// start does, because nothing new can be opened afterwards. A kernel that lacks the means
// is worth a warning; the director works as well without.
func (d *Daemon) confine() {
	if !d.config.Sandbox {
		d.log.Warn().Msg("not confined by seccomp and Landlock: --sandbox=false")
		return
	}
	s, err := privilege.Confine(d.writable())
	if err != nil {
		d.log.Warn().Err(err).Msg("not fully confined")
	}
	d.log.Info().Bool("seccomp", s.Seccomp).Int("landlock", s.Landlock).Msg("confined")
}

// writable returns the directories in which a running director creates, changes or removes
// files.
func (d *Daemon) writable() (dirs []string) {
	for _, name := range []string{d.config.Control, d.config.State} {
		if name != "" {
			dirs = append(dirs, filepath.Dir(name))
		}
	}
	if d.config.IRQ == config.IRQPin {
		dirs = append(dirs, "/proc/irq") // their affinity is restored at the end
	}
	return dirs
}
