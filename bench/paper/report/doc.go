// Package report makes one HTML file of a run of the evaluation: every figure
// beside the paper's own curves, with its data below, and the claims. The file is
// self-contained: it loads nothing from the network and has no script.
package report
