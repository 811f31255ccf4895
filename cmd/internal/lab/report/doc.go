// Package report makes everything that a lab run leaves for people out of what
// lies in its folder: results.json, results.csv, results.md, the plots as SVG
// and PNG, and report.html. Load logs alone are enough; what the lab wrote down
// beside them is told where it is there, and missed in words where it is not.
//
// It computes no figure and draws no line: it reads, calls those who do, and
// writes. The same folder gives the same bytes but for the time of making.
package report
