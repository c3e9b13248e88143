// Package paper is the evaluation of "Performance Evaluation of Linux Virtual
// Server" (P. O'Rourke and M. Keefe, Mission Critical Linux, 2001), taken again:
// which configurations it compares, at which rates, what is kept of each
// measurement, what its figures show, and what is claimed of them. It measures
// and draws nothing; it knows the matrix, the data and the paper's own numbers.
//
// # Words
//
// A [Setup] is one way to put clients, a balancer and real servers together: a
// cell of the paper's figure 5, and more. A [Point] is what one repetition of one
// setup under one offered rate gave: a dot of a curve. A [Curve] is a setup with
// a name and a look; a [Figure] is curves beside the paper's own. All figures
// are views of one set of points, so that two figures that show the same setup
// show the same measurement.
//
// # Kernel 2.2 and 2.4
//
// The paper compares two kernels of which one lets a single CPU at a time into
// its network stack. Here that is [Setup.GiantLock]: workers that take turns.
package paper
