package web

// MaxConns is how many connections are served at a time, MaxBusy how many pages.
const (
	MaxConns = maxConns
	MaxBusy  = maxBusy
)
