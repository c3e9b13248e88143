// Package report makes one HTML file of a run of the evaluation: every figure
// drawn, the paper's own curves beside ours, the data below each, and what is
// claimed of them. The file is whole in itself: it asks nothing of any network
// and has no script.
package report
