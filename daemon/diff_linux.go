package daemon

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"director/control"
	"director/control/api"
)

// auditedAlone is how many changes of one request have a line of their own in the log. A
// reload may change ten thousand rules at once.
const auditedAlone = 20

// audit logs who has changed what: the first changes one by one, and how many more there
// are of each kind.
func (d *Daemon) audit(by control.Origin, changes []control.Difference) {
	line := func() *zerolog.Event {
		e := d.log.Info().Str("via", by.Via)
		if by.UID >= 0 {
			e = e.Int("uid", by.UID).Int("pid", by.PID)
		}
		return e
	}
	alone := changes[:min(auditedAlone, len(changes))]
	for i := range alone {
		c := &alone[i]
		line().Str("change", c.Change).Str("from", strings.Join(c.From, "; ")).Str("to", strings.Join(c.To, "; ")).Msg("changed")
	}
	more := map[string]int{}
	for i := range changes[len(alone):] {
		more[changes[len(alone)+i].Change]++
	}
	for _, kind := range slices.Sorted(maps.Keys(more)) {
		line().Str("change", kind).Int("more", more[kind]).Msg("changed")
	}
}

// diff returns what differs between the files, the configuration that was loaded, and what
// runs.
func (d *Daemon) diff() api.Diff {
	diff := api.Diff{Runtime: d.control.Differences(-1), Files: []control.Difference{}}
	if d.load == nil {
		diff.FilesError = errNotAgain.Error()
		return diff
	}
	next, err := d.load()
	if err != nil {
		diff.FilesError = err.Error()
		return diff
	}
	d.loading.Lock()
	loaded := d.loaded
	d.loading.Unlock()
	for _, f := range loaded.Differences(next) {
		diff.Files = append(diff.Files, control.Difference{Change: "flag", From: f.From, To: f.To})
	}
	diff.Files = append(diff.Files, control.Compare(loaded.Services, next.Services)...)
	return diff
}

// errNotAgain is the error of a director whose configuration was not in a file.
var errNotAgain = errors.New("the configuration that this director was started with cannot be read again")
