//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"

	"director/internal/lab"
	"director/internal/lab/web"
)

// transferSize is the number of bytes that are sent in each direction. This makes thousands
// of full segments, or with offloads hundreds of super-packets.
const transferSize = 10 << 20

// transferHash returns the hash of the bytes that are sent.
var transferHash = sync.OnceValue(func() string { return hash(web.Bytes(transferSize)) })

// TestTransfer_VIPOnLink exchanges ten megabytes with the virtual address in the subnet of
// the client, which therefore resolves it by ARP.
func TestTransfer_VIPOnLink(t *testing.T) {
	everyWay(t, lab.Config{VIPOnLink: true}, transfer)
}

// transfer starts web servers and a director and exchanges ten megabytes.
func transfer(t *testing.T, l *lab.Lab, ioKind string) {
	startWeb(t, l)
	startDirector(t, l, ioKind, httpRules(l)...)
	exchangeBytes(t, l)
}

// exchangeBytes downloads and uploads through the director and compares the hashes.
func exchangeBytes(t *testing.T, l *lab.Lab) {
	t.Helper()
	dial := dialer(l, demoPort)
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true, // every request is a connection that the director schedules
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
	}}
	want := transferHash()

	fetched := exchange(t, client, http.MethodGet, fmt.Sprintf("/bytes/%d", transferSize), nil)
	if got := hash(bytes.NewReader(fetched)); got != want {
		t.Errorf("the client got %d bytes with the hash %s, want %d bytes with the hash %s", len(fetched), got, transferSize, want)
	}
	if got := string(exchange(t, client, http.MethodPost, "/sink", web.Bytes(transferSize))); got != want {
		t.Errorf("the server got bytes with the hash %q, want %s", got, want)
	}
}

// exchange makes a request through the director and returns the answer's body.
func exchange(t *testing.T, client *http.Client, method, path string, body io.Reader) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://vip"+path, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: got status %d and %d bytes, %v, want 200", method, path, resp.StatusCode, len(answer), err)
	}
	return answer
}

// hash returns the SHA-256 of all bytes of r in hexadecimal.
func hash(r io.Reader) string {
	sum := sha256.New()
	_, _ = io.Copy(sum, r) // after an error of r the hash differs
	return hex.EncodeToString(sum.Sum(nil))
}
