// Package paper repeats the evaluation of "Performance Evaluation of Linux Virtual
// Server" (P. O'Rourke and M. Keefe, Mission Critical Linux, 2001). It defines
// which configurations are compared and at which rates, what is stored of each
// measurement, what the figures show, and the claims about them. It contains the
// matrix, the data and the paper's own numbers. It does not measure or draw.
//
// # Words
//
// A [Setup] is one combination of clients, a balancer and real servers: a cell of
// the paper's figure 5, or an additional one. A [Point] is the result of one
// repetition of one setup at one offered rate: a dot of a curve. A [Curve] is a
// setup with a name and a look. A [Figure] is curves beside the paper's own. All
// figures are views of one set of points, so two figures that show the same setup
// show the same measurement.
//
// # Kernel 2.2 and 2.4
//
// The paper compares two kernels. One of them lets only one CPU at a time into its
// network stack. Here [Setup.GiantLock] takes its place: a lock that lets only one
// worker run at a time.
package paper
