// Package capture writes what a running director receives, sends and drops as pcapng. Each
// frame is recorded on its interface, with its direction. A comment says what happened to
// it and why.
//
// The workers copy frames into rings of fixed size (dataplane.Tap). Both the rate of
// frames and the share of the workers' time are limited. A Session writes the records of
// the rings. A slow reader loses records, which are counted. It does not slow down the
// workers.
package capture
