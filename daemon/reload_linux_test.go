package daemon_test

import (
	"context"
	"errors"
	"testing"

	"github.com/rs/zerolog"

	"director/control/config"
	"director/daemon"
)

// A director that is asked to reload while it starts does so when it has started:
// its READY would come too early.
func TestReload_WaitsForTheStart(t *testing.T) {
	load := func() (*config.Config, error) { t.Error("the configuration is read again"); return nil, nil }
	d := daemon.New(&config.Config{}, load, zerolog.Nop())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := d.Reload(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want that whoever asked is gone", err)
	}
}
