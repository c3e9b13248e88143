// Package privilege gives up what the director is allowed to do beyond what it
// still needs once it forwards.
package privilege
