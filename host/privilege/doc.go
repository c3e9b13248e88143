// Package privilege drops the capabilities that the director does not need any more once
// it forwards.
package privilege
