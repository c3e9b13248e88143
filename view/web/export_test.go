package web

// MaxConns is how many connections are served at a time.
const MaxConns = maxConns
